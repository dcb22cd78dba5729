//! Frames that a mirror gives twice, through the whole pure path.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn frames_that_come_twice_change_nothing_but_how_many_there_are(steps in steps(300)) {
        let mut scene = Scene::of(&steps);
        // What the scene itself sends again comes just within what counts as a repeat, or well beyond,
        // and so does its copy.
        let begin = scene.frames.first().map_or(0, |it| it.0);
        for (at, _) in &mut scene.frames {
            *at += (*at - begin) / 10;
        }
        let once = scene.seen(0);
        let mut twice = scene.clone();
        twice.frames = scene
            .frames
            .iter()
            .flat_map(|(at, bytes)| [(*at, bytes.clone()), (at + 10_000, tagged(bytes))])
            .collect();
        for workers in [0, 1, 3] {
            let again = twice.seen(workers);
            let differ = once.notices.iter().zip(&again.notices).find(|(a, b)| a != b);
            prop_assert_eq!(differ, None);
            prop_assert_eq!(once.notices.len(), again.notices.len());
            prop_assert_eq!(&once.visibility, &again.visibility);
            let (before, counts) = (&once.counts.intake, &again.counts.intake);
            prop_assert_eq!(counts.frames, 2 * before.frames);
            prop_assert_eq!(counts.repeated, before.frames + before.repeated);
            prop_assert_eq!(counts.triaged + again.counts.worked(), counts.frames);
        }
    }
}

/// The frame behind a VLAN tag, a router further.
fn tagged(frame: &[u8]) -> Vec<u8> {
    let mut tagged = [&frame[..12], &[0x81, 0, 0, 9], &frame[12..]].concat();
    tagged[18 + 8] -= 1;
    tagged[18 + 10] = tagged[18 + 10].wrapping_add(1);
    tagged
}
