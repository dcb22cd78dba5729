//! The report as Markdown, for those who paste it into a document of their own.
//!
//! Tables are those of GitHub's dialect. Text from outside cannot become markup.

use std::fmt::Write;

use super::Report;
use super::elements::ByHand;
use super::page::{Page, PartText};

/// Writes the report.
#[must_use]
pub fn markdown(report: &Report<'_>) -> String {
    let page = Page::of(report);
    let mut text = format!("# {}\n\n", plain(&page.heading));
    let facts = page.facts.iter().map(|(word, value)| {
        let value = value.as_deref().unwrap_or(BLANK);
        vec![(*word).to_owned(), value.to_owned()]
    });
    table(&mut text, &["", ""], facts);
    for part in &page.parts {
        write_part(&mut text, part, page.parts.len());
    }
    unseen(&mut text, &page);
    method(&mut text, &page);
    let _ = writeln!(
        text,
        "---\n\nphonehome {}. All times are UTC. None of this is legal advice.",
        plain(page.version)
    );
    text
}

fn write_part(text: &mut String, part: &PartText, parts: usize) {
    let title = if parts > 1 { &part.title } else { "Summary" };
    let _ = writeln!(text, "## {}\n\n**{}**\n", plain(title), plain(&part.answer));
    list(text, part.summary.iter().map(String::as_str));
    if let Some(about) = &part.about {
        let _ = writeln!(
            text,
            "{}, by {}, {}. {}\n\nWhat counts: {}. {}\n",
            plain(&about.title),
            plain(&about.issuer),
            about.date,
            plain(&about.scope),
            about.counts,
            plain(&about.reading)
        );
    }
    if !part.milestones.is_empty() {
        heading(text, "Milestones");
        let rows = part.milestones.iter().map(|it| {
            let (step, left) = (it.step.to_owned(), it.left.clone());
            vec![it.date.clone(), step, it.text.clone(), left]
        });
        table(text, &["Date", "Step", "What is due", "When"], rows);
    }
    heading(text, "How removal goes");
    let _ = writeln!(text, "{}\n", plain(&part.pace));
    if let Some(note) = &part.pace_note {
        let _ = writeln!(text, "{}\n", plain(note));
    }
    if !part.statuses.is_empty() {
        let rows = part.statuses.iter().map(|it| it.to_vec());
        table(text, &["Status of", "Open", "Came", "Went"], rows);
    }
    heading(text, "Products");
    if part.products.is_empty() {
        text.push_str("None were found, as far as could be seen.\n\n");
    } else {
        let rows = part.products.iter().map(|it| {
            [
                &it.vendor,
                &it.name,
                &it.open,
                &it.waived,
                &it.absent,
                &it.removed,
            ]
            .map(Clone::clone)
            .into()
        });
        let head = ["Vendor", "Product", "Open", "Waived", "Absent", "Removed"];
        table(text, &head, rows);
    }
    endpoints(text, part);
    if !part.waivers.is_empty() {
        heading(text, "Waivers");
        let rows = part.waivers.iter().map(|it| {
            let standing = format!("{} {}", it.standing, it.until);
            let (reason, by) = (it.reason.clone(), it.by.clone());
            vec![it.host.clone(), it.vendor.clone(), standing, reason, by]
        });
        table(text, &["Host", "Vendor", "Until", "Why", "By"], rows);
        left_out(text, part.waivers_left_out, "waivers");
    }
    elements(text, part);
    if !part.sources.is_empty() {
        heading(text, "Where the directive is written");
        let rows = part.sources.iter().map(|it| {
            let url = it.url.clone().unwrap_or_default();
            vec![it.text.clone(), url, it.confidence.to_owned()]
        });
        table(text, &["Source", "Link", "How well founded"], rows);
    }
}

fn endpoints(text: &mut String, part: &PartText) {
    if part.endpoints.is_empty() {
        return;
    }
    heading(text, "Endpoints");
    let rows = part.endpoints.iter().map(|it| {
        let products = match it.products.as_str() {
            "" => it.vendor.clone(),
            products => format!("{}: {products}", it.vendor),
        };
        let state = match it.waiver.as_str() {
            "" => it.state.to_owned(),
            waiver => format!("{}; {waiver}", it.state),
        };
        let host = it
            .who
            .iter()
            .fold(it.host.clone(), |text, line| format!("{text}; {line}"));
        vec![
            host,
            products,
            it.verdict.to_owned(),
            state,
            it.grounds.join("; "),
            it.evidence.clone(),
            it.first.clone(),
            it.last.clone(),
        ]
    });
    let head = [
        "Host",
        "What",
        "Verdict",
        "State",
        "Why",
        "Seen in",
        "First seen",
        "Last seen",
    ];
    table(text, &head, rows);
    left_out(text, part.endpoints_left_out(), "endpoints");
}

fn elements(text: &mut String, part: &PartText) {
    if part.elements.is_empty() {
        return;
    }
    heading(text, "What the directive asks to be told");
    for it in &part.elements {
        let _ = writeln!(
            text,
            "- **{} {}.** {}",
            it.step,
            plain(&it.letter),
            plain(&it.text)
        );
        for line in &it.lines {
            let _ = writeln!(text, "  - {}", plain(line));
        }
        if it.lines_left_out > 0 {
            let _ = writeln!(text, "  - and {} more", it.lines_left_out);
        }
        match it.by_hand {
            ByHand::Nothing => {}
            ByHand::Part => {
                let _ = writeln!(text, "  - to be completed: {BLANK}");
            }
            ByHand::All => {
                let _ = writeln!(text, "  - to fill in: {BLANK}");
            }
        }
    }
    text.push('\n');
}

fn unseen(text: &mut String, page: &Page) {
    let unseen = &page.unseen;
    text.push_str("## What could not be seen\n\n");
    for line in unseen.caveats.iter().chain(&unseen.silent) {
        let _ = writeln!(text, "{}\n", plain(line));
    }
    let _ = writeln!(text, "{}\n", plain(&unseen.connections));
    if !unseen.unnamed.is_empty() {
        let rows = unseen.unnamed.iter().map(|it| it.to_vec());
        table(
            text,
            &["Connections without a name", "Number", "Share"],
            rows,
        );
    }
    let lines = unseen.lines.iter();
    let lines: Vec<String> = lines
        .map(|(word, line)| format!("{word}: {line}"))
        .collect();
    list(text, lines.iter().map(String::as_str));
}

fn method(text: &mut String, page: &Page) {
    text.push_str("## Method and limits\n\n");
    for line in &page.methods {
        let _ = writeln!(text, "{}\n", plain(line));
    }
    list(text, page.limits.iter().copied());
    let pairs = [("Verdict", &page.verdicts), ("State", &page.states)];
    for (head, rows) in pairs {
        let rows = rows.iter().map(|it| vec![it.0.to_owned(), it.1.to_owned()]);
        table(text, &[head, "What it says"], rows);
    }
    if page.signatures.is_empty() {
        return;
    }
    heading(text, "Signatures behind the findings");
    let rows = page.signatures.iter().map(|it| {
        vec![
            it.id.clone(),
            it.pattern.clone(),
            it.category.to_owned(),
            it.confidence.to_owned(),
            it.source.clone(),
            it.url.clone().unwrap_or_default(),
            it.findings.clone(),
        ]
    });
    let head = [
        "Id",
        "Names",
        "Traffic",
        "Confidence",
        "Source",
        "Link",
        "Findings",
    ];
    table(text, &head, rows);
    left_out(text, page.signatures_left_out, "signatures");
}

fn heading(text: &mut String, words: &str) {
    let _ = writeln!(text, "### {words}\n");
}

fn list<'a>(text: &mut String, lines: impl Iterator<Item = &'a str>) {
    let before = text.len();
    for line in lines {
        let _ = writeln!(text, "- {}", plain(line));
    }
    if text.len() > before {
        text.push('\n');
    }
}

fn left_out(text: &mut String, count: usize, what: &str) {
    if count > 0 {
        let _ = writeln!(
            text,
            "{count} more {what} are not listed here; the CSV has all.\n"
        );
    }
}

fn table<const N: usize>(
    text: &mut String,
    head: &[&str; N],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(N));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|it| plain(it)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
}

/// Text with what Markdown and HTML would take for markup made harmless.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => plain.extend(['\\', letter]),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '\n' | '\r' => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    plain
}

/// A field that people have to fill in.
const BLANK: &str = "\u{2026}\u{2026}\u{2026}\u{2026}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            plain("a|b [c](d) <img> `e` *f*\n# g & h"),
            "a\\|b \\[c\\](d) &lt;img&gt; \\`e\\` \\*f\\* \\# g &amp; h"
        );
    }

    #[test]
    fn a_table_has_as_many_cells_in_every_line() {
        let mut text = String::new();
        let rows = [vec!["1".to_owned(), "a|b".to_owned()]];
        table(&mut text, &["x", "y"], rows.into_iter());
        assert_eq!(text, "| x | y |\n|---|---|\n| 1 | a\\|b |\n\n");
    }
}
