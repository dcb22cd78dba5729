//! Drawings in SVG, written piece by piece.
//!
//! What is drawn has classes and no colours: the style sheet of the page gives those, in light, dark
//! and print. Every drawing has a title and a description for those who do not see it.

use std::fmt::Write;

/// A drawing in the making. Lengths are in units of its own, with the origin at the top left.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
}

/// Where a text stands beside its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// An empty drawing. `id` is unique on the page.
    pub(super) fn new(size: (f64, f64), class: &str, id: &str, title: &str, said: &str) -> Self {
        let (width, height) = size;
        let (title, said) = (escaped(title), escaped(said));
        let text = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-said\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-said\">{said}</desc>"
        );
        Self { text }
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            self.text,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        let _ = write!(
            self.text,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            at.0, at.1, size.0, size.1
        );
    }

    pub(super) fn dot(&mut self, class: &str, at: (f64, f64), radius: f64) {
        let _ = write!(
            self.text,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"/>",
            at.0, at.1
        );
    }

    /// A line through points that stays level from each to the next.
    pub(super) fn steps(&mut self, class: &str, points: &[(f64, f64)]) {
        let Some((first, rest)) = points.split_first() else {
            return;
        };
        let _ = write!(
            self.text,
            "<path class=\"{class}\" d=\"M{:.1} {:.1}",
            first.0, first.1
        );
        for (x, y) in rest {
            let _ = write!(self.text, "H{x:.1}V{y:.1}");
        }
        self.text.push_str("\"/>");
    }

    pub(super) fn words(&mut self, class: &str, at: (f64, f64), anchor: Anchor, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.text,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            at.0,
            at.1,
            escaped(words)
        );
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let mut svg = Svg::new((10.0, 10.0), "a", "id", "<b>", "\"&'");
        svg.words("w", (1.0, 2.0), Anchor::Middle, "</text><script>");
        let text = svg.finish();
        assert!(text.contains("<title id=\"id-title\">&lt;b&gt;</title>"));
        assert!(text.contains(">&quot;&amp;&#39;</desc>"));
        assert!(text.contains(">&lt;/text&gt;&lt;script&gt;</text></svg>"));
    }

    #[test]
    fn steps_stay_level_until_the_next_point() {
        let mut svg = Svg::new((10.0, 10.0), "a", "id", "t", "d");
        svg.steps("l", &[(0.0, 5.0), (2.0, 5.0), (4.0, 1.25)]);
        assert!(svg.finish().contains("d=\"M0.0 5.0H2.0V5.0H4.0V1.2\""));
    }
}
