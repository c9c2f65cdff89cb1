//! Text in the frame that the other pages have: the pages of error codes, Markdown from the binary, and what is answered
//! to a browser that asked for something else than a page.
//!
//! Raw HTML in Markdown is shown as text, and links lead to these pages or to the web: the pages' policy would stop the rest, and
//! a page of ours need not try.

use std::collections::HashMap;

use control_api::Problem;
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// Where the frame, built with the other pages, takes the title and the text.
const TITLE: &str = "{{title}}";
const CONTENT: &str = "{{content}}";

/// The whole page. `None`: the frame is not one.
pub(crate) fn page(frame: &str, title: &str, markdown: &str) -> Option<String> {
    fill(frame, title, events(markdown))
}

/// What a problem says, for people: its title, what happened, and the page of its code. `None`: the frame is not one.
pub(crate) fn problem(frame: &str, problem: &Problem) -> Option<String> {
    let text = |text| Event::Text(CowStr::Borrowed(text));
    let paragraph = || Event::Start(Tag::Paragraph);
    let over = || Event::End(TagEnd::Paragraph);
    let link = |shown| {
        let (link_type, dest_url) = (LinkType::Inline, problem.docs.as_str().into());
        let start = Tag::Link { link_type, dest_url, title: "".into(), id: "".into() };
        [Event::Start(start), text(shown), Event::End(TagEnd::Link)]
    };
    let heading = HeadingLevel::H1;
    let start = Tag::Heading { level: heading, id: None, classes: Vec::new(), attrs: Vec::new() };
    let mut events = vec![Event::Start(start), text(&problem.title), Event::End(TagEnd::Heading(heading))];
    let detail = sentence(&problem.detail);
    events.push(paragraph());
    match detail.split_once(problem.docs.as_str()) {
        Some((before, after)) => {
            events.push(text(before));
            events.extend(link(&problem.docs));
            events.push(text(after));
        }
        None => events.push(text(&detail)),
    }
    events.extend([over(), paragraph()]);
    events.extend(link(&problem.code));
    events.extend([text(" · request "), Event::Code(CowStr::Borrowed(&problem.request_id)), over()]);
    fill(frame, &problem.title, events.into_iter())
}

/// Details are written to stand behind a colon.
fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first = letters.next().map(char::to_uppercase);
    let stop = (!detail.ends_with(['.', '?', '!'])).then_some('.');
    first.into_iter().flatten().chain(letters).chain(stop).collect()
}

fn fill<'a>(frame: &str, title: &str, content: impl Iterator<Item = Event<'a>>) -> Option<String> {
    let (head, rest) = frame.split_once(TITLE)?;
    let (middle, end) = rest.split_once(CONTENT)?;
    let mut page = String::with_capacity(2 * frame.len());
    page.push_str(head);
    html::push_html(&mut page, std::iter::once(Event::Text(title.into())));
    page.push_str(middle);
    html::push_html(&mut page, content);
    page.push_str(end);
    Some(page)
}

/// Where a heading of this text is found within its page: `#PLACE`.
pub(crate) fn place(heading: &str) -> String {
    let words = heading.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Every heading but the page's own has a place; of two with the same text the second has another.
fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    let mut events: Vec<Event<'_>> = safe_events(markdown).collect();
    let mut taken: HashMap<String, usize> = HashMap::new();
    for at in 0..events.len() {
        let Event::Start(Tag::Heading { level, .. }) = &events[at] else { continue };
        if *level == HeadingLevel::H1 {
            continue;
        }
        let inner =
            events[at + 1..].iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let text: String = inner
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                _ => None,
            })
            .collect();
        let place = place(&text);
        let before = taken.entry(place.clone()).and_modify(|count| *count += 1).or_insert(1);
        let named = if *before == 1 { place } else { format!("{place}-{before}") };
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[at] {
            *id = Some(named.into());
        }
    }
    events.into_iter()
}

fn safe_events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    // Links do not nest: whether the last one was kept is all there is to remember.
    let mut kept = true;
    Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(move |event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let to = target(&dest_url);
            kept = to.is_some();
            to.map(|to| Event::Start(Tag::Link { link_type, dest_url: to, title, id }))
        }
        Event::End(TagEnd::Link) => kept.then_some(Event::End(TagEnd::Link)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        other => Some(other),
    })
}

/// `CODE.md` is served as a page of its own; other files of the repository are not served.
fn target(link: &str) -> Option<CowStr<'static>> {
    let page = link.strip_suffix(".md").filter(|name| !name.contains(['/', '.', ':']));
    match page {
        Some("README") => Some(control_api::paths::ERROR_PAGES.into()),
        Some(code) => Some(format!("{}/{code}", control_api::paths::ERROR_PAGES).into()),
        None => (link.starts_with("https://") || is_place(link)).then(|| link.to_owned().into()),
    }
}

/// Within the page.
fn is_place(link: &str) -> bool {
    link.strip_prefix('#').is_some_and(|place| {
        !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = "<title>{{title}}</title><main>{{content}}</main>";

    fn content(markdown: &str) -> String {
        page(FRAME, "T", markdown).expect("a frame")
    }

    #[test]
    fn headings_tables_and_code_become_html_in_the_frame() {
        let page = content("# A_CODE\n\n`x` **now**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert!(page.starts_with("<title>T</title><main><h1>A_CODE</h1>"), "{page}");
        assert!(
            page.contains("<code>x</code> <strong>now</strong>") && page.contains("<td>1</td>"),
            "{page}"
        );
        assert!(page.ends_with("</main>"));
        assert_eq!(super::page("<main>", "T", ""), None);
    }

    #[test]
    fn raw_html_is_text() {
        let page = content("<script>alert(1)</script>\n\na <b onclick=x>b</b> {{title}}\n");
        assert!(!page.contains("<script") && !page.contains("<b "), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("&lt;b onclick=x&gt;"), "{page}");
        assert!(super::page(FRAME, "<x>", "").expect("a frame").starts_with("<title>&lt;x&gt;"));
    }

    #[test]
    fn a_problem_is_shown_as_it_was_said_and_nothing_in_it_is_markup() {
        let detail = "there is nothing at /<script>/[x](https://example.com/)".to_owned();
        let problem = control_api::problem::PATH_UNKNOWN.problem(detail, "req_<1>".to_owned());
        let page = super::problem(FRAME, &problem).expect("a frame");
        assert!(page.starts_with("<title>Nothing here</title><main><h1>Nothing here</h1>"), "{page}");
        assert!(
            page.contains("There is nothing at /&lt;script&gt;/[x](https://example.com/).</p>"),
            "{page}"
        );
        assert!(page.contains("<a href=\"/docs/errors/PATH_UNKNOWN\">PATH_UNKNOWN</a>"), "{page}");
        assert!(page.contains("<code>req_&lt;1&gt;</code>"), "{page}");
        assert_eq!(page.matches("<a ").count(), 1, "{page}");
        let detail = "sign in; /docs/errors/OPERATOR_ONLY says how".to_owned();
        let problem = control_api::problem::OPERATOR_ONLY.problem(detail, "req_1".to_owned());
        let page = super::problem(FRAME, &problem).expect("a frame");
        let linked =
            "<p>Sign in; <a href=\"/docs/errors/OPERATOR_ONLY\">/docs/errors/OPERATOR_ONLY</a> says how.</p>";
        assert!(page.contains(linked), "{page}");
    }

    #[test]
    fn headings_are_found_within_their_page() {
        let page = content(
            "# A page\n\n[one](#get-v1-one) [two](#x\") [three](#)\n\n## Parts\n\n### `GET /v1/one`\n\n## Parts\n",
        );
        assert!(page.contains("<h1>A page</h1>"), "{page}");
        for heading in
            ["<h2 id=\"parts\">Parts</h2>", "<h2 id=\"parts-2\">", "<h3 id=\"get-v1-one\"><code>GET"]
        {
            assert!(page.contains(heading), "{page}");
        }
        assert_eq!(page.matches("<a ").count(), 1, "{page}");
        assert!(page.contains("<a href=\"#get-v1-one\">one</a>"), "{page}");
    }

    #[test]
    fn links_lead_to_pages_that_are_served_or_are_no_links() {
        let page = content(
            "[A](OTHER_CODE.md) [B](README.md) [C](https://example.com/) [D](../models.md) [E](javascript:x)",
        );
        for kept in ["\"/docs/errors/OTHER_CODE\"", "\"/docs/errors\"", "\"https://example.com/\""] {
            assert!(page.contains(kept), "{page}");
        }
        assert_eq!(page.matches("<a ").count(), 3, "{page}");
        assert_eq!(page.matches("</a>").count(), 3, "{page}");
        assert!(page.contains("D E"), "{page}");
    }
}
