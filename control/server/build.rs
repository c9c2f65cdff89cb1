//! The pages are built by `make web`'s Node step. Without it cargo must still work, so that missing output becomes a page
//! that says what to run.

use std::path::Path;
use std::{fs, io};

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Agent Foundry</title>\
<p>The pages have not been built. Run <code>make run</code>, or <code>npm install --no-save &amp;&amp; npm run build</code> in <code>web/</code>, and start again.</p></html>\n";
/// What `manual.html` is filled in: without the pages' style the text can still be read, and its links followed.
const FRAME: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
<title>{{title}} · Agent Foundry</title><main>{{content}}</main></html>\n";
const SCRIPT: &str = "console.error('Agent Foundry: the widget has not been built. Run `make run`, or `npm install --no-save && npm run build` in web/.');\n";

fn main() -> io::Result<()> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let files = [
        (web.join("pages/dist/index.html"), PAGE),
        (web.join("console/dist/index.html"), PAGE),
        (web.join("pages/dist/manual.html"), FRAME),
        (web.join("widget/dist/widget.js"), SCRIPT),
    ];
    for (path, placeholder) in files {
        if !path.exists() {
            fs::create_dir_all(path.parent().expect("every path above has a folder"))?;
            fs::write(&path, placeholder)?;
        }
    }
    fs::create_dir_all(web.join("../docs/errors"))?;
    println!("cargo::rerun-if-changed=../../web/console/dist");
    println!("cargo::rerun-if-changed=../../web/pages/dist");
    println!("cargo::rerun-if-changed=../../web/widget/dist");
    Ok(())
}
