//! A look at the sensor's metrics: what has to hold in every one.

use std::collections::BTreeMap;

use crate::live::sensor::Page;

/// What earlier looks have shown.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    counters: BTreeMap<String, f64>,
}

impl Memory {
    /// What is wrong with a page by itself, and after the one before; empty if nothing is.
    pub(crate) fn look(&mut self, page: &Page) -> Vec<String> {
        let mut wrong = Vec::new();
        let account = page.account();
        if !account.adds_up() {
            wrong.push(format!("frames do not add up: {account:?}"));
        }
        let sum = |family: &str| page.count(&format!("phonehome_{family}"), &[]);
        let connections = sum("connections_total");
        let named = sum("connections_named_total");
        let unnamed = sum("connections_unnamed_total");
        if connections != named + unnamed {
            wrong.push(format!(
                "{connections} connections, but {named} named and {unnamed} not"
            ));
        }
        let by = [
            "sightings_total",
            "sighting_sources_total",
            "sighting_reach_total",
        ]
        .map(sum);
        if by[0] != by[1] || by[0] != by[2] {
            wrong.push(format!(
                "sightings by category, source and reach are {by:?}"
            ));
        }
        wrong.extend(self.fallen(page));
        wrong
    }

    /// Forgets all, for a sensor that was started anew.
    pub(crate) fn clear(&mut self) {
        self.counters.clear();
    }

    /// Counters that are less than they were, or gone.
    fn fallen(&mut self, page: &Page) -> Vec<String> {
        let counters: BTreeMap<String, f64> = page
            .0
            .lines()
            .filter(|it| !it.starts_with('#'))
            .filter_map(|it| it.rsplit_once(' '))
            .filter(|(row, _)| {
                row.split('{')
                    .next()
                    .is_some_and(|it| it.ends_with("_total"))
            })
            .filter_map(|(row, value)| Some((row.to_owned(), value.parse().ok()?)))
            .collect();
        let wrong = self
            .counters
            .iter()
            .filter_map(|(row, before)| match counters.get(row) {
                None => Some(format!("{row} is gone")),
                Some(value) if value < before => {
                    Some(format!("{row} has fallen from {before} to {value}"))
                }
                Some(_) => None,
            })
            .collect();
        self.counters = counters;
        wrong
    }
}

/// What was turned away or given up at a bound, by row; rows at zero left out.
pub(crate) fn at_bounds(page: &Page) -> BTreeMap<String, u64> {
    let rows = page.0.lines().filter_map(|it| it.rsplit_once(' '));
    rows.filter(|(row, _)| {
        let family = row.split('{').next().unwrap_or_default();
        BOUNDS.iter().any(|it| family.ends_with(it)) || row.contains("result=\"evicted\"")
    })
    .filter_map(|(row, value)| Some((row.to_owned(), value.parse().ok()?)))
    .filter(|(_, value)| *value > 0)
    .collect()
}

/// Ends of the names of families that count what happens at a bound.
const BOUNDS: [&str; 3] = ["_evicted_total", "_refused_total", "_omitted_total"];

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# HELP x x\n\
        phonehome_capture_received_frames_total{interface=\"a\"} 10\n\
        phonehome_capture_processed_frames_total{interface=\"a\",by=\"worker\"} 8\n\
        phonehome_capture_dropped_frames_total{interface=\"a\",stage=\"ring\"} 1\n\
        phonehome_pipeline_queued_frames{worker=\"0\"} 1\n\
        phonehome_connections_total{transport=\"tcp\"} 5\n\
        phonehome_connections_named_total{transport=\"tcp\",source=\"tls-sni\"} 3\n\
        phonehome_connections_unnamed_total{transport=\"tcp\",reason=\"not-tls\"} 2\n\
        phonehome_sightings_total{vendor=\"v\",category=\"update\"} 4\n\
        phonehome_sighting_sources_total{vendor=\"v\",source=\"tls-sni\"} 4\n\
        phonehome_sighting_reach_total{vendor=\"v\",reach=\"asked\"} 4\n";

    fn wrong(text: &str) -> Vec<String> {
        Memory::default().look(&Page(text.to_owned()))
    }

    #[test]
    fn a_good_page_is_good_and_each_sum_that_does_not_hold_is_told() {
        assert_eq!(wrong(GOOD), Vec::<String>::new());
        for (row, what) in [
            ("worker=\"0\"} 1", "frames do not add up"),
            (
                "reason=\"not-tls\"} 2",
                "5 connections, but 3 named and 1 not",
            ),
            (
                "reach=\"asked\"} 4",
                "sightings by category, source and reach",
            ),
        ] {
            let (text, last) = row.split_at(row.len() - 1);
            let less = last.parse::<u32>().unwrap() - 1;
            let told = wrong(&GOOD.replace(row, &format!("{text}{less}")));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(what), "{told:?}");
        }
    }

    #[test]
    fn what_happens_at_bounds_is_shown_by_row() {
        let text = "phonehome_flows_evicted_total{transport=\"tcp\"} 4\n\
            phonehome_flows_evicted_total{transport=\"udp\"} 0\n\
            phonehome_defrag_datagrams_total{result=\"evicted\"} 2\n\
            phonehome_defrag_datagrams_total{result=\"whole\"} 9\n";
        let bounds = at_bounds(&Page(text.to_owned()));
        let values: Vec<u64> = bounds.into_values().collect();
        assert_eq!(values, [2, 4]);
    }

    #[test]
    fn a_counter_that_falls_or_goes_is_told_until_the_sensor_is_started_anew() {
        let mut memory = Memory::default();
        let page = |value: &str| Page(format!("a_total{{x=\"1\"}} {value}\nb 9\n"));
        assert!(memory.look(&page("5")).is_empty());
        assert!(memory.look(&page("6")).is_empty());
        assert_eq!(
            memory.look(&page("4")),
            ["a_total{x=\"1\"} has fallen from 6 to 4"]
        );
        assert_eq!(
            memory.look(&Page("b 1\n".to_owned())),
            ["a_total{x=\"1\"} is gone"]
        );
        memory.look(&page("4"));
        memory.clear();
        assert!(memory.look(&page("1")).is_empty());
    }
}
