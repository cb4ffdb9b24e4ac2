//! The report's page in a real browser: it is laid out as it should be, and nothing of it runs.

use std::{path::Path, process::Command};

use super::{
    recorded,
    support::{Home, has, said},
};

/// The page, written into a home.
fn page() -> Home {
    let home = Home::new(recorded::objects());
    let written = home.sh("kubectl drift report -n shop -o html > page.html");
    assert!(written.status.success(), "{}", said(&written));
    home
}

fn browser(home: &Home) -> Command {
    let mut browser = home.command("chromium");
    browser.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]);
    browser.arg("--virtual-time-budget=2000");
    browser
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

#[test]
fn a_browser_shows_the_page_and_runs_nothing_of_it() {
    if !has("chromium", "a_browser_shows_the_page_and_runs_nothing_of_it") {
        return;
    }
    let home = page();
    let shown = browser(&home)
        .arg("--dump-dom")
        .arg(address(&home.path("page.html")))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&shown.stdout);
    assert!(
        dom.contains("<title>Drift report: namespace shop</title>"),
        "{}",
        said(&shown)
    );
    // The parser made no element of any name.
    assert!(!dom.contains("<script") && !dom.contains("<img"), "{dom}");
    assert_eq!(dom.matches("<svg class=\"graph\"").count(), 2, "{dom}");
    assert!(dom.contains("onerror=document.title"), "the name is shown as text");
}

#[test]
fn the_page_is_as_wide_as_the_window_at_two_widths_light_and_dark_and_prints() {
    if !has(
        "chromium",
        "the_page_is_as_wide_as_the_window_at_two_widths_light_and_dark_and_prints",
    ) {
        return;
    }
    let home = page();
    // A frame of a width, which says how wide what it holds is: only what is scrolled by itself may be wider.
    let page = std::fs::read_to_string(home.path("page.html"))
        .unwrap()
        .replace("<meta http-equiv", "<meta name");
    home.file("open.html", &page);
    for (width, scheme, back) in [
        (360, "light", "rgb(255, 255, 255)"),
        (1280, "light", "rgb(255, 255, 255)"),
        (360, "dark", "rgb(20, 24, 29)"),
        (1280, "dark", "rgb(20, 24, 29)"),
    ] {
        // A frame is as light or dark as what it stands in.
        let frame = format!(
            "<html style='color-scheme:{scheme}'><body><iframe id=f src=open.html style='width:{width}px;height:900px;border:0'></iframe><script>\
             onload=()=>{{const d=f.contentDocument.documentElement;document.title=d.scrollWidth+' of '+d.clientWidth+' '+\
             f.contentWindow.getComputedStyle(f.contentDocument.body).backgroundColor}}</script>"
        );
        home.file("frame.html", &frame);
        let mut browser = browser(&home);
        browser.args(["--allow-file-access-from-files", "--dump-dom"]);
        let shown = browser.arg(address(&home.path("frame.html"))).output().unwrap();
        let dom = String::from_utf8_lossy(&shown.stdout);
        assert!(
            dom.contains(&format!("<title>{width} of {width} {back}</title>")),
            "{}",
            said(&shown)
        );
        picture(&home, width, scheme);
    }
    let printed = browser(&home)
        .arg(format!("--print-to-pdf={}", home.path("page.pdf").display()))
        .arg(address(&home.path("page.html")))
        .output()
        .unwrap();
    let pdf = std::fs::read(home.path("page.pdf")).unwrap_or_default();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 10_000, "{}", said(&printed));
}

/// A picture of the page at a width, kept where the environment asks for it.
fn picture(home: &Home, width: u32, scheme: &str) {
    let name = format!("page-{width}-{scheme}.png");
    let path = home.path(&name);
    let mut browser = browser(home);
    if scheme == "dark" {
        // What the browser takes for the person's preference where nothing else tells it.
        browser.arg("--blink-settings=preferredColorScheme=0");
    }
    let shown = browser
        .arg(format!("--screenshot={}", path.display()))
        .arg(format!("--window-size={width},2600"))
        .arg(address(&home.path("page.html")))
        .output()
        .unwrap();
    let png = std::fs::read(&path).unwrap_or_default();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{}", said(&shown));
    if let Some(folder) = std::env::var_os("ANCHORWATCH_PICTURES") {
        std::fs::copy(&path, Path::new(&folder).join(name)).unwrap();
    }
}
