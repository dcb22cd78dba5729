//! Sources that never wait, in real threads.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::detection::Reach;
use crate::pipeline::Counts;
use crate::pipeline::canary::frames;
use doubles::*;

pub(super) mod doubles;

#[test]
fn nothing_waits_for_a_slow_ledger_and_every_frame_is_accounted_for() {
    let (told, given) = channel();
    let mut left = RUNS;
    let mut source = Wire::new(&[0, 1], move |run| {
        if left == 0 {
            let _ = told.send(());
            return Given::Silence(wall());
        }
        left -= 1;
        for number in 0..RUN {
            push(
                run,
                wall(),
                &frames::exchange("a.example", 1000 + number, 1)[0],
            );
        }
        Given::Frames(left % 2)
    });
    let mut ledger = Slow {
        given,
        counts: Counts::default(),
    };
    let sizes = Sizes {
        workers: 2,
        queue_batches: 1,
        ..Sizes::default()
    };
    run(
        vec![&mut source],
        &nothing_loaded(),
        Report::AllNames,
        sizes,
        &mut ledger,
    )
    .unwrap();
    let counts = ledger.counts;
    assert_eq!(counts.workers.iter().map(|it| it.queued).sum::<u64>(), 0);
    for (number, input) in counts.inputs.iter().enumerate() {
        assert_eq!(
            input.frames,
            RUNS as u64 / 2 * u64::from(RUN),
            "input {number}"
        );
        assert!(input.dropped > 0, "input {number}: {input:?}");
        assert!(input.worked > 0, "input {number}: {input:?}");
    }
}

#[test]
fn both_directions_meet_whichever_thread_captures_them() {
    let mut halves = [0, 1].map(|half| {
        let mut port = 0;
        Wire::new(&[0], move |run| {
            if port == FLOWS {
                return Given::Silence(wall());
            }
            port += 1;
            let exchange = frames::exchange("a.example", 1000 + port, 1000 + port);
            for (frame, _) in exchange.iter().zip(SENDERS).filter(|it| it.1 == half) {
                push(run, wall(), frame);
            }
            Given::Frames(0)
        })
    });
    let [one, other] = &mut halves;
    let mut ledger = Judge::new(|seen| seen.counts.intake.frames == u64::from(FLOWS) * 8);
    let sizes = Sizes {
        workers: 3,
        canary_every: None,
        ..Sizes::default()
    };
    run(
        vec![one, other],
        &nothing_loaded(),
        Report::AllNames,
        sizes,
        &mut ledger,
    )
    .unwrap();
    let seen = ledger.seen;
    assert_eq!(seen.counts.inputs.len(), 1);
    assert_eq!(seen.counts.inputs[0].frames, u64::from(FLOWS) * 8);
    assert_eq!(seen.connections.len(), usize::from(FLOWS));
    assert!(seen.connections.iter().all(|it| *it == Reach::Transferred));
    assert_eq!(
        seen.counts
            .visibility
            .named
            .as_flattened()
            .iter()
            .sum::<u64>(),
        u64::from(FLOWS)
    );
}

#[test]
fn notices_do_not_wait_for_a_capture_that_is_stuck() {
    let (release, stuck) = channel::<()>();
    let mut silent = Wire::new(&[1], move |_| {
        let _ = stuck.recv();
        Given::Silence(wall())
    });
    let mut is_sent = false;
    let mut busy = Wire::new(&[0], move |run| {
        if std::mem::replace(&mut is_sent, true) {
            return Given::Silence(wall());
        }
        for frame in frames::exchange("a.example", 1, 2) {
            push(run, wall(), &frame);
        }
        Given::Frames(0)
    });
    let mut release = Some(release);
    let mut ledger = Judge::new(move |seen| {
        let is_told = !seen.names.is_empty();
        if is_told {
            release.take();
        }
        is_told
    });
    let sizes = Sizes {
        workers: 2,
        canary_every: None,
        ..Sizes::default()
    };
    run(
        vec![&mut silent, &mut busy],
        &nothing_loaded(),
        Report::AllNames,
        sizes,
        &mut ledger,
    )
    .unwrap();
    assert!(!ledger.seen.is_late);
}

#[test]
fn a_stop_loses_nothing_of_what_was_captured_though_the_ledger_is_slow() {
    let mut port = 1000;
    let mut source = Wire::new(&[0], move |run| {
        if port == 1000 + FLOWS {
            return Given::Silence(wall());
        }
        port += 1;
        for frame in frames::exchange(FLAGGED, port, port) {
            push(run, wall(), &frame);
        }
        Given::Frames(0)
    });
    let stopped = Arc::new(Mutex::new(None));
    let stop = Arc::clone(&stopped);
    let mut ledger = Judge::new(move |seen| {
        let is_captured = seen.counts.intake.frames == u64::from(FLOWS) * 8;
        if is_captured {
            assert!(seen.hellos < usize::from(FLOWS), "the ledger is not slow");
            *stop.lock().unwrap() = Some(Instant::now());
        }
        is_captured
    });
    ledger.pause = Duration::from_millis(1);
    let sizes = Sizes {
        workers: 2,
        queue_batches: 128,
        ..Sizes::default()
    };
    run(
        vec![&mut source],
        &all_loaded(),
        Report::Findings,
        sizes,
        &mut ledger,
    )
    .unwrap();
    let stopped = stopped.lock().unwrap().unwrap();
    assert!(
        stopped.elapsed() < Duration::from_secs(5),
        "{:?}",
        stopped.elapsed()
    );
    let seen = ledger.seen;
    assert_eq!(
        (seen.hellos, seen.questions),
        (usize::from(FLOWS), usize::from(FLOWS))
    );
    assert_eq!(seen.connections.len(), usize::from(FLOWS));
    assert_eq!(
        seen.counts.worked() + seen.counts.intake.triaged,
        u64::from(FLOWS) * 8
    );
}

#[test]
fn each_thread_tells_of_its_processor_time() {
    let mut sources = [0, 1].map(|it| Wire::new(&[it], |_| Given::Silence(wall())));
    let mut ledger = Judge::new(|seen| seen.counts.busy.len() >= 5);
    let sizes = Sizes {
        workers: 2,
        ..Sizes::default()
    };
    let [one, other] = &mut sources;
    run(
        vec![one, other],
        &nothing_loaded(),
        Report::Findings,
        sizes,
        &mut ledger,
    )
    .unwrap();
    let busy = &ledger.seen.counts.busy;
    let names: Vec<&str> = busy.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names,
        ["capture0", "capture1", "ledger", "worker0", "worker1"]
    );
    assert!(busy.iter().all(|it| it.1 > Duration::ZERO), "{busy:?}");
}

#[test]
fn a_catalogue_that_is_replaced_is_used_without_a_pause() {
    let loaded = nothing_loaded();
    let mut port = 0;
    let mut source = Wire::new(&[0], move |run| {
        port = port % 60_000 + 1;
        push(run, wall(), &frames::exchange(FLAGGED, port, 1)[1]);
        thread::sleep(Duration::from_millis(1));
        Given::Frames(0)
    });
    let handle = Arc::clone(&loaded);
    let mut replaced = None;
    let mut ledger = Judge::new(move |seen| {
        if replaced.is_none() && seen.counts.worked() > 10 {
            assert_eq!(seen.sightings, 0);
            handle.replace(builtin());
            replaced = Some(seen.counts.worked());
        }
        seen.sightings > 10
    });
    let sizes = Sizes {
        canary_every: None,
        ..Sizes::default()
    };
    run(
        vec![&mut source],
        &loaded,
        Report::Findings,
        sizes,
        &mut ledger,
    )
    .unwrap();
    assert!(!ledger.seen.is_late);
}

#[test]
fn on_an_idle_wire_the_canary_is_well_and_leaves_no_trace() {
    let mut source = Wire::new(&[0], |_| Given::Silence(wall()));
    let mut ledger = Judge::new(|seen| canary(seen).found >= 4);
    run(
        vec![&mut source],
        &all_loaded(),
        Report::AllNames,
        with_canary(2),
        &mut ledger,
    )
    .unwrap();
    let seen = ledger.seen;
    let of = canary(&seen);
    assert!(!seen.is_late, "{of:?}");
    assert!(of.last_success.is_some());
    assert_eq!(of.latency.counts.iter().sum::<u64>(), of.found);
    assert_eq!(seen.counts.intake.frames, 0);
    assert_eq!(seen.counts.visibility, Visibility::default());
    assert_eq!(
        (seen.sightings, seen.names.len(), seen.connections.len()),
        (0, 0, 0)
    );
}

#[test]
fn exchanges_of_several_captures_do_not_pass_for_one_another() {
    let mut wires = [0, 1, 2].map(|it| Wire::new(&[it], |_| Given::Silence(wall())));
    let sources = wires.iter_mut().map(|it| it as &mut (dyn Source + Send));
    let mut ledger = Judge::new(|seen| canary(seen).sent >= 24);
    run(
        sources.collect(),
        &all_loaded(),
        Report::Findings,
        with_canary(2),
        &mut ledger,
    )
    .unwrap();
    let of = canary(&ledger.seen);
    assert!(!ledger.seen.is_late, "{of:?}");
    // Six of a round may still be under way.
    assert!(of.found >= 18 && of.last_success.is_some(), "{of:?}");
}

#[test]
fn the_canary_fails_while_a_worker_is_stuck_and_recovers() {
    let gate = hold_gate();
    let mut source = Wire::new(&[0], |_| Given::Silence(wall()));
    let mut step = 0;
    let mut ledger = Judge::new(move |seen| {
        let is_failing = canary(seen).deadline <= Instant::now();
        match step {
            0 if canary(seen).last_success.is_some() => gate.hold(&[1]),
            1 if is_failing => gate.hold(&[]),
            2 if !is_failing => {}
            _ => return false,
        }
        step += 1;
        step == 3
    });
    run(
        vec![&mut source],
        &all_loaded(),
        Report::Findings,
        with_canary(2),
        &mut ledger,
    )
    .unwrap();
    assert!(!ledger.seen.is_late, "{:?}", ledger.seen.counts.canary);
}

#[test]
fn the_canary_fails_without_signatures() {
    let mut source = Wire::new(&[0], |_| Given::Silence(wall()));
    let mut ledger =
        Judge::new(|seen| canary(seen).sent > 2 && canary(seen).deadline <= Instant::now());
    run(
        vec![&mut source],
        &nothing_loaded(),
        Report::Findings,
        with_canary(1),
        &mut ledger,
    )
    .unwrap();
    assert!(!ledger.seen.is_late);
    assert_eq!(canary(&ledger.seen).found, 0);
    assert_eq!(canary(&ledger.seen).last_success, None);
}

#[test]
fn the_canary_fails_while_queues_are_full() {
    let gate = hold_gate();
    gate.hold(&[0, 1]);
    let mut port = 0;
    let mut source = Wire::new(&[0], move |run| {
        port = port % 60_000 + 1;
        push(run, wall(), &frames::exchange("a.example", port, 1)[0]);
        Given::Frames(0)
    });
    let sizes = Sizes {
        queue_batches: 1,
        ..with_canary(2)
    };
    let mut ledger = Judge::new(move |seen| {
        let is_failing = canary(seen).deadline <= Instant::now();
        let is_full = seen.counts.inputs.iter().any(|it| it.dropped > 0);
        if is_failing && is_full {
            gate.hold(&[]);
        }
        is_failing && is_full
    });
    run(
        vec![&mut source],
        &all_loaded(),
        Report::Findings,
        sizes,
        &mut ledger,
    )
    .unwrap();
    assert!(!ledger.seen.is_late);
}

#[test]
fn a_clock_that_is_set_back_stops_no_flow_from_ending_and_no_question_from_being_told() {
    for step in [-3_600_000, 3_600_000] {
        let mut at = 0_i64;
        let mut source = Wire::new(&[0], move |run| {
            at += 100;
            let shown = if at > 20_000 { at + step } else { at };
            let now = Timestamp::from_nanos((1_700_000_000_000 + shown) * 1_000_000);
            // A question without an answer, and a connection that falls silent.
            if at == 10_000 || at == 60_000 {
                let port = (at / 1000) as u16;
                let exchange = frames::exchange(FLAGGED, port, port);
                push(run, now, &exchange[0]);
                for frame in &exchange[2..7] {
                    push(run, now, frame);
                }
                return Given::Frames(0);
            }
            Given::Silence(now)
        });
        source.pause = Duration::ZERO;
        let mut ledger = Judge::new(|seen| seen.ended.len() == 2 && seen.questions == 2);
        let sizes = Sizes {
            canary_every: None,
            ..Sizes::default()
        };
        run(
            vec![&mut source],
            &all_loaded(),
            Report::Findings,
            sizes,
            &mut ledger,
        )
        .unwrap();
        assert!(!ledger.seen.is_late, "{step}: {:?}", ledger.seen.ended);
        assert_eq!(ledger.seen.questions, 2);
        // Silent from the tenth second on, and from the sixtieth, by the clock as it was set; a
        // connection that stands is kept for ten minutes of silence.
        for ended in ledger.seen.ended {
            let seconds = (ended.as_nanos() / 1_000_000_000) - 1_700_000_000 - step / 1000;
            assert!((600..720).contains(&seconds), "{step}: {seconds}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn times_in_disorder_lose_nothing(disorder in proptest::collection::vec(0..7_000_i64, 160)) {
        let mut frames = Vec::new();
        for (port, disorder) in (1..).zip(disorder.chunks(8)) {
            let exchange = frames::exchange(FLAGGED, port, port);
            for (number, (frame, late)) in exchange.into_iter().zip(disorder).enumerate() {
                let millis = 1_700_000_000_000 + i64::from(port) * 500 + number as i64 + late;
                frames.push((Timestamp::from_nanos(millis * 1_000_000), frame));
            }
        }
        let mut left = frames.into_iter();
        let mut source = Wire::new(&[0], move |run| {
            for (at, frame) in left.by_ref().take(10) {
                push(run, at, &frame);
            }
            if run.is_empty() { Given::End } else { Given::Frames(0) }
        });
        source.pace = Pace::Waits;
        let mut ledger = Judge::new(|_| false);
        run(vec![&mut source], &all_loaded(), Report::Findings, Sizes::default(), &mut ledger)
            .unwrap();
        let seen = ledger.seen;
        prop_assert_eq!(seen.hellos, 20);
        prop_assert_eq!(seen.sightings, 40);
        prop_assert_eq!(seen.ended.len(), 20);
    }
}
