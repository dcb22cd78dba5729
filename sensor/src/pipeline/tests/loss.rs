//! Octets that were acknowledged and never seen: what the mirror left out, and nothing else.

use super::*;

#[test]
fn what_the_mirror_leaves_out_of_a_download_is_told_to_the_octet() {
    let mut talk = Talk::new();
    for segment in 0..6_000 {
        // Every fiftieth is lost, and a burst.
        talk.is_seen = segment % 50 != 7 && !(2_000..2_030).contains(&segment);
        talk.download(1_400);
        talk.is_seen = true;
        if segment % 2 == 1 {
            talk.acknowledge();
        }
        talk.scene.now += 4_000_000;
    }
    assert_eq!(talk.lost, (120 + 30 - 1) * 1_400);
    talk.close();
    talk.tells_the_loss();
}

#[test]
fn what_is_lost_of_a_connection_is_told_while_it_is_open() {
    let mut talk = Talk::new();
    for segment in 0..2_000 {
        talk.is_seen = segment % 100 != 7;
        talk.download(1_400);
        talk.is_seen = true;
        talk.acknowledge();
        talk.scene.now += 20_000_000;
    }
    let [_, missing, judged] = talk.told(0);
    assert_eq!(judged, 1, "the end of the file ends it");
    let most = talk.lost;
    assert!((most / 2..=most).contains(&missing), "{missing} of {most}");
}

#[test]
fn a_connection_that_is_seen_whole_misses_nothing_whatever_happens_on_its_way() {
    let mut talk = Talk::new();
    for segment in 0..4_000_u32 {
        match segment % 40 {
            // Lost before the sensor's place in the network and sent again: one copy is seen.
            3 => {
                let (at, payload) = (talk.received, vec![0x17; 1_400]);
                talk.received += 1_400;
                talk.download(1_400);
                talk.scene.server_says(1, at, talk.sent, &payload);
            }
            // Lost behind it: two copies are seen, later than a mirror gives one twice.
            9 => {
                let at = talk.received;
                talk.download(1_400);
                talk.scene.now += 4_000_000;
                talk.scene.server_says(1, at, talk.sent, &[0x17; 1_400]);
            }
            // A keep-alive repeats the octet before.
            20 => {
                let (sent, received) = (talk.sent - 1, talk.received);
                talk.scene.client_says(1, sent, received, &[0]);
            }
            _ => talk.download(1_400),
        }
        talk.acknowledge();
        talk.scene.now += 10_000_000;
    }
    talk.close();
    assert_eq!(talk.lost, 0);
    talk.tells_the_loss();
}

#[test]
fn numbers_that_wrap_and_frames_of_offload_are_no_loss() {
    let mut talk = Talk::of(Scene {
        isn: u32::MAX - 40_000,
        ..Scene::default()
    });
    for _ in 0..40 {
        talk.upload(60_000);
        talk.download(1_000);
        talk.scene.now += 500_000_000;
    }
    talk.close();
    talk.tells_the_loss();
}

#[test]
fn a_connection_of_which_no_beginning_or_one_direction_was_seen_is_not_judged() {
    let mut midstream = Talk::new();
    midstream.scene.frames.drain(..1);
    let mut one_way = Talk::new();
    one_way.scene.frames.drain(1..2);
    for mut talk in [midstream, one_way] {
        talk.is_seen = false;
        talk.download(50_000);
        talk.is_seen = true;
        talk.acknowledge();
        talk.close();
        assert_eq!(talk.told(0), [0; 3]);
    }
}

#[test]
fn an_acknowledgment_of_what_nobody_sent_is_no_loss() {
    let mut talk = Talk::new();
    talk.download(5_000);
    talk.scene.now += 5_000_000_000;
    talk.scene
        .client_says(1, talk.sent, talk.received + 90_000, &[]);
    talk.close();
    talk.tells_the_loss();
}

/// A connection of host 1, of which the sensor sees what it is to see.
struct Talk {
    scene: Scene,
    sent: u32,
    received: u32,
    /// Octets that went by unseen.
    lost: u64,
    is_seen: bool,
}

impl Talk {
    fn new() -> Self {
        Self::of(Scene::default())
    }

    fn of(mut scene: Scene) -> Self {
        scene.open(1);
        let hello = Hello::browser("loss.example").record();
        let mut talk = Self {
            scene,
            sent: 0,
            received: 0,
            lost: 0,
            is_seen: true,
        };
        talk.scene.client_says(1, 0, 0, &hello);
        talk.sent = hello.len() as u32;
        talk
    }

    fn download(&mut self, octets: u32) {
        if self.is_seen {
            let payload = vec![0x17; octets as usize];
            self.scene
                .server_says(1, self.received, self.sent, &payload);
        } else {
            self.lost += u64::from(octets);
        }
        self.received += octets;
    }

    fn upload(&mut self, octets: u32) {
        let payload = vec![0x17; octets as usize];
        self.scene
            .client_says(1, self.sent, self.received, &payload);
        self.sent += octets;
    }

    fn acknowledge(&mut self) {
        self.scene.client_says(1, self.sent, self.received, &[]);
    }

    /// The client closes, then the server.
    fn close(&mut self) {
        let Self { sent, received, .. } = *self;
        let (client, server) = ends(1);
        let isn = self.scene.isn.wrapping_add(1);
        let fin = builder(client, server).tcp(port(1), 443, isn.wrapping_add(sent), 65_535);
        self.scene.push(fin.ack(9001 + received).fin(), &[]);
        let fin = builder(server, client).tcp(443, port(1), 9001 + received, 65_535);
        self.scene
            .push(fin.ack(isn.wrapping_add(sent + 1)).fin(), &[]);
        self.scene.client_says(1, sent + 1, received + 1, &[]);
    }

    /// Octets seen, those missing, and connections judged, as that many workers tell.
    fn told(&self, workers: usize) -> [u64; 3] {
        let seen = self.scene.seen(workers).visibility;
        [seen.judged_octets, seen.missing_octets, seen.judged_flows]
    }

    fn tells_the_loss(&self) {
        let payload = |bytes: &[u8]| bytes.len() as u64 - 54;
        let all: u64 = self.scene.frames.iter().map(|it| payload(&it.1)).sum();
        for workers in [0, 1, 3] {
            assert_eq!(self.told(workers), [all, self.lost, 1], "{workers} workers");
        }
    }
}

impl Scene {
    fn client_says(&mut self, host: u8, sent: u32, received: u32, payload: &[u8]) {
        let (client, server) = ends(host);
        let seq = self.isn.wrapping_add(1).wrapping_add(sent);
        let tcp = builder(client, server).tcp(port(host), 443, seq, 65_535);
        self.push(tcp.ack(9001 + received), payload);
    }

    fn server_says(&mut self, host: u8, received: u32, sent: u32, payload: &[u8]) {
        let (client, server) = ends(host);
        let ack = self.isn.wrapping_add(1).wrapping_add(sent);
        let tcp = builder(server, client).tcp(443, port(host), 9001 + received, 65_535);
        self.push(tcp.ack(ack), payload);
    }
}
