use control_server::Options;

use crate::fake::{World, get};

#[tokio::test]
async fn pages_come_with_a_policy_that_runs_our_scripts_only() {
    let router = World::new().router(Options::default());
    let console = ["/console", "/console/", "/console/agents/front-desk/versions"];
    for path in ["/"].into_iter().chain(console) {
        let page = get(path).of(&router).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn addresses_of_calls_that_people_kept_lead_to_the_console() {
    let router = World::new().router(Options::default());
    let id = "ses_0190a0b0c0d07000800000000000000a";
    for (kept, now) in
        [("/calls", "/console/calls"), (&*format!("/calls/{id}"), &*format!("/console/calls/{id}"))]
    {
        let answer = get(kept).of(&router).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (308, Some(now)));
    }
    assert!(get("/calls/nonsense").of(&router).await.status.is_client_error());
}

#[tokio::test]
async fn an_asset_of_the_console_is_kept_for_ever_and_never_the_page() {
    let router = World::new().router(Options::default());
    let page = get("/console").of(&router).await;
    get("/console/assets/of-another-version.js").of(&router).await.is_problem(404, "PATH_UNKNOWN");
    // Where the pages have not been built, the page names none.
    let Some((_, rest)) = page.text.split_once("src=\"/console/assets/") else { return };
    let name = rest.split('"').next().expect("a name");
    let script = get(&format!("/console/assets/{name}")).of(&router).await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
}

#[tokio::test]
async fn long_text_is_compressed_for_those_who_take_it_so() {
    let router = World::new().router(Options::default());
    let plain = get("/openapi.json").of(&router).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    let packed = get("/openapi.json").header("accept-encoding", "gzip").of(&router).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.length * 4 < plain.length, "{} of {}", packed.length, plain.length);
    // What fits one packet stays readable.
    let short = get("/v1/nowhere").header("accept-encoding", "gzip").of(&router).await;
    assert_eq!(short.header("content-encoding"), None);
}

#[tokio::test]
async fn the_widget_may_be_loaded_by_any_page_and_is_asked_for_once() {
    let router = World::new().router(Options::default());
    let widget = get("/widget.js").of(&router).await;
    assert_eq!(widget.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(widget.header("access-control-allow-origin"), Some("*"));
    assert_eq!(widget.header("cross-origin-resource-policy"), Some("cross-origin"));
    let tag = widget.header("etag").expect("a tag");
    let again = get("/widget.js").header("if-none-match", tag).of(&router).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn the_page_of_a_code_is_html_for_people_and_text_for_programs() {
    let router = World::new().router(Options::default());
    for accept in ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*"] {
        let page = get("/docs/errors/SESSION_UNKNOWN").header("accept", accept).of(&router).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").is_some());
        assert!(
            page.text.contains("<title>SESSION_UNKNOWN") && page.text.contains("<h1>SESSION_UNKNOWN</h1>")
        );
        assert!(page.text.contains("rel=\"stylesheet\""), "the pages' own style: {}", page.text);
        assert!(!page.text.contains("{{"), "{}", page.text);
        let tag = page.header("etag").expect("a tag").to_owned();
        let again = get("/docs/errors/SESSION_UNKNOWN").header("if-none-match", &tag).of(&router).await;
        assert_eq!(again.status, 304);
    }
    for kind in ["text/plain", "text/markdown"] {
        let text = get("/docs/errors/SESSION_UNKNOWN").header("accept", kind).of(&router).await;
        assert_eq!(text.header("content-type"), Some(format!("{kind}; charset=utf-8").as_str()));
        assert_eq!(text.header("vary"), Some("accept"));
        assert!(text.text.starts_with("# SESSION_UNKNOWN\n"), "{}", text.text);
    }
}

#[tokio::test]
async fn a_browser_at_an_address_that_is_not_ours_sees_a_page() {
    let router = World::new().router(Options::default());
    for (path, status, code) in [
        ("/mistyped/%3Cb%3E", 404, "PATH_UNKNOWN"),
        ("/docs/errors/NO_SUCH_CODE", 404, "PATH_UNKNOWN"),
        ("/start", 405, "METHOD_UNKNOWN"),
        ("/v1/sessions", 401, "CREDENTIAL_REQUIRED"),
    ] {
        let page = get(path).header("accept", "text/html,*/*;q=0.8").of(&router).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(page.header("content-security-policy").is_some(), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert!(page.text.contains(&format!("href=\"/docs/errors/{code}\"")), "{}", page.text);
        assert!(page.text.contains("rel=\"stylesheet\"") && !page.text.contains("{{"), "{}", page.text);
        let problem = get(path).header("accept", "*/*").of(&router).await.is_problem(status, code);
        assert_eq!(problem["code"], code);
    }
}

#[tokio::test]
async fn every_code_of_the_surface_is_in_the_index_and_has_its_page() {
    let router = World::new().router(Options::default());
    let index = get("/docs/errors").of(&router).await;
    assert_eq!(
        (index.status.as_u16(), index.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    for definition in control_api::problem::ALL {
        let path = format!("/docs/errors/{}", definition.code());
        assert!(index.text.contains(&format!("href=\"{path}\"")), "{path} is not listed");
        assert_eq!(get(&path).of(&router).await.status, 200, "{path}");
    }
}
