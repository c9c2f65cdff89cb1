use control_server::Options;

use crate::fake::{World, get};

#[tokio::test]
async fn pages_come_with_a_policy_that_runs_our_scripts_only() {
    let router = World::new().router(Options::default());
    for path in ["/", "/calls", "/calls/ses_0190a0b0c0d07000800000000000000a"] {
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
