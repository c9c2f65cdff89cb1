//! Tools of the caller's page: those whose names begin with `client.` are methods that the page registered, called through the room.

use std::sync::Arc;
use std::time::Duration;

use agents_graph::ToolError;
use agents_run::{ToolCall, Tools};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use media_livekit::Rpc;
use media_livekit::rpc::Failed;
use serde_json::Value;

/// What stands before the name of the method.
const PREFIX: &str = "client.";
/// So long a page may work. A tool that has begun is waited for longer than this.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);

/// The tools of one call: those of its page, and the others.
pub(crate) struct PageTools {
    page: Option<Rpc>,
    others: Arc<dyn Tools>,
}

impl PageTools {
    pub(crate) fn new(page: Option<Rpc>, others: Arc<dyn Tools>) -> Self {
        Self { page, others }
    }
}

impl Tools for PageTools {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        let Some(method) = call.name.strip_prefix(PREFIX).map(str::to_owned) else {
            return self.others.call(call);
        };
        let page = self.page.clone();
        async move {
            let Some(page) = page else {
                return Err(failed("TOOL_NO_CLIENT", "the caller has no page that could do it"));
            };
            // What a page does cannot be taken back.
            if !call.permit.take() {
                return Err(failed("TOOL_TIMED_OUT", "it was waited for too long before it was asked"));
            }
            let answer = page.call(&method, call.args.to_string(), ANSWERS_WITHIN).await;
            // A page may answer with words instead of JSON.
            let value = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
            answer.map(value).map_err(|why| failed(code(&why), &format!("\"{method}\": {why}")))
        }
        .boxed()
    }
}

fn failed(code: &str, message: &str) -> ToolError {
    ToolError { code: code.to_owned(), message: message.to_owned() }
}

/// Whether it may have happened is what matters most to whoever goes on from there.
const fn code(why: &Failed) -> &'static str {
    match why {
        Failed::NoMethod => "TOOL_UNKNOWN",
        Failed::Nobody | Failed::NotSent => "TOOL_NO_CLIENT",
        Failed::TooLarge => "TOOL_TOO_LARGE",
        Failed::NotTaken | Failed::NoAnswer(_) | Failed::Left => "TOOL_UNSURE",
        Failed::Method { .. } => "TOOL_FAILED",
    }
}

#[cfg(test)]
mod tests {
    use agents_run::Permit;

    use super::*;

    struct Others;

    impl Tools for Others {
        fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
            std::future::ready(Ok(Value::String(call.name))).boxed()
        }
    }

    fn call(name: &str) -> ToolCall {
        ToolCall {
            name: name.to_owned(),
            args: Value::Null,
            session: String::new(),
            key: String::new(),
            permit: Permit::default(),
        }
    }

    #[tokio::test]
    async fn what_is_no_tool_of_a_page_goes_where_it_went_and_a_telephone_has_no_page() {
        let tools = PageTools::new(None, Arc::new(Others));
        assert_eq!(tools.call(call("clock.now")).await, Ok(Value::String("clock.now".to_owned())));
        let refused = tools.call(call("client.show")).await.expect_err("there is no page");
        assert_eq!(refused.code, "TOOL_NO_CLIENT");
    }

    #[test]
    fn every_code_has_its_page() {
        let all = [
            Failed::NoMethod,
            Failed::Nobody,
            Failed::TooLarge,
            Failed::NotTaken,
            Failed::Method { code: 1500, message: String::new() },
        ];
        for why in all {
            let page = format!("{}/../docs/errors/{}.md", env!("CARGO_MANIFEST_DIR"), code(&why));
            assert!(std::path::Path::new(&page).is_file(), "{page}");
        }
    }
}
