//! Answers laid out after the protocols' descriptions, and what is no device.

use super::*;

const PROBE: &[u8] =
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?><Probe><Uuid>13A888A9-F1B1-4020-AE9F-\
05607682D23B</Uuid><Types>inquiry</Types></Probe>";

const PROBE_MATCH: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<ProbeMatch>\r\n\
<Uuid>13A888A9-F1B1-4020-AE9F-05607682D23B</Uuid>\r\n<Types>inquiry</Types>\r\n\
<DeviceType>154391</DeviceType>\r\n<DeviceDescription>DS-2CD2042WD-I</DeviceDescription>\r\n\
<DeviceSN>DS-2CD2042WD-I20160909AAWR639999999</DeviceSN>\r\n<CommandPort>8000</CommandPort>\r\n\
<HttpPort>80</HttpPort>\r\n<MAC>02-00-5e-00-53-21</MAC>\r\n<IPv4Address>10.20.1.64</IPv4Address>\r\n\
<SoftwareVersion>V5.4.5build 170123</SoftwareVersion>\r\n<Activated>true</Activated>\r\n</ProbeMatch>\r\n";

const NOTICE: &str = "{\"mac\":\"02:00:5e:00:53:22\",\"method\":\"client.notifyDevInfo\",\"params\":{\
\"deviceInfo\":{\"AlarmInputChannels\":1,\"DeviceClass\":\"IPC\",\"DeviceType\":\"IPC-HDW4431C-A\",\
\"IPv4Address\":{\"IPAddress\":\"10.20.1.65\"},\"Port\":37777,\"SerialNo\":\"4A01DDEPAA00001\",\
\"Vendor\":\"General\",\"Version\":\"2.622.0000000.18.R\"}}}\n\0";

const SYSINFO: &str = "{\"system\":{\"get_sysinfo\":{\"sw_ver\":\"1.5.4 Build 180815 Rel.121440\",\
\"hw_ver\":\"2.0\",\"type\":\"IOT.SMARTPLUGSWITCH\",\"model\":\"HS110(EU)\",\"mac\":\"02:00:5E:00:53:23\",\
\"dev_name\":\"Smart Wi-Fi Plug\",\"alias\":\"desk\",\"deviceId\":\"80060000000000000000000000000000000000A1\",\
\"err_code\":0}}}";

const ANNOUNCEMENT: &str = "{\"ip\":\"10.20.1.67\",\"gwId\":\"bf0000000000000000abcd\",\"active\":2,\
\"ability\":0,\"mode\":0,\"encrypt\":true,\"productKey\":\"key7nmm5p3xk\",\"version\":\"3.1\"}";

fn dhip_frame(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_le_bytes();
    [
        DHIP_MAGIC,
        &[0; 8],
        &len,
        &[0; 4],
        &len,
        &[0; 4],
        text.as_bytes(),
    ]
    .concat()
}

fn kasa_frame(text: &str) -> Vec<u8> {
    let mut key = KASA_KEY;
    let octets = text.bytes().map(|it| {
        key ^= it;
        key
    });
    octets.collect()
}

fn tuya_frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    let head = [0, 0, 0x55, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0];
    [&head, &len[..], body, &[1, 2, 3, 4], &TUYA_SUFFIX].concat()
}

/// Model, serial number, firmware and hardware address.
fn said(payload: Payload, octets: &[u8]) -> Option<[Option<String>; 4]> {
    let device = device(payload, octets).unwrap()?;
    let text = |it: Option<PlainText>| it.map(|it| it.as_str().to_owned());
    let mac = device.mac.map(|it| it.to_string());
    Some([
        text(device.model),
        text(device.serial),
        text(device.firmware),
        mac,
    ])
}

fn all(texts: [&str; 4]) -> Option<[Option<String>; 4]> {
    Some(texts.map(|it| (!it.is_empty()).then(|| it.to_owned())))
}

#[test]
fn a_device_that_answers_a_search_of_sadp_says_what_it_is() {
    let expected = [
        "DS-2CD2042WD-I",
        "DS-2CD2042WD-I20160909AAWR639999999",
        "V5.4.5build 170123",
        "02:00:5e:00:53:21",
    ];
    assert_eq!(said(Payload::Sadp, PROBE_MATCH), all(expected));
    assert_eq!(
        said(Payload::Sadp, b"<ProbeMatch></ProbeMatch>"),
        all([""; 4])
    );
}

#[test]
fn who_searches_is_no_device() {
    assert_eq!(said(Payload::Sadp, PROBE), None);
    assert_eq!(said(Payload::Sadp, b"<ProbeMatches/>"), None);
    let search = "{\"method\":\"DHDiscover.search\",\"params\":{\"mac\":\"\",\"uni\":1}}\n";
    assert_eq!(said(Payload::Dhip, &dhip_frame(search)), None);
    for query in [
        "{\"system\":{\"get_sysinfo\":{}}}",
        "{\"system\":{\"get_sysinfo\":null}}",
        "{\"emeter\":{}}",
    ] {
        assert_eq!(said(Payload::Kasa, &kasa_frame(query)), None, "{query}");
    }
}

#[test]
fn a_device_that_answers_a_search_of_dhip_says_what_it_is() {
    let expected = [
        "IPC-HDW4431C-A",
        "4A01DDEPAA00001",
        "2.622.0000000.18.R",
        "02:00:5e:00:53:22",
    ];
    assert_eq!(said(Payload::Dhip, &dhip_frame(NOTICE)), all(expected));
}

#[test]
fn a_kasa_device_is_read_over_udp_and_tcp() {
    let expected = all([
        "HS110(EU)",
        "80060000000000000000000000000000000000A1",
        "1.5.4 Build 180815 Rel.121440",
        "02:00:5e:00:53:23",
    ]);
    let datagram = kasa_frame(SYSINFO);
    assert_eq!(said(Payload::Kasa, &datagram), expected);
    let len = u32::try_from(datagram.len()).unwrap().to_be_bytes();
    let stream = [&len[..], &datagram].concat();
    assert_eq!(said(Payload::Kasa, &stream), expected);
    // The octets of a hello, and text, on the same port.
    assert_eq!(said(Payload::Kasa, b"\x16\x03\x01\x02\0\x01"), None);
    assert_eq!(said(Payload::Kasa, SYSINFO.as_bytes()), None);
}

#[test]
fn a_tuya_device_is_read_in_clear_and_recognised_encrypted() {
    let expected = all(["key7nmm5p3xk", "bf0000000000000000abcd", "", ""]);
    assert_eq!(
        said(Payload::Tuya, &tuya_frame(ANNOUNCEMENT.as_bytes())),
        expected
    );
    let with_code = [&[0; 4], ANNOUNCEMENT.as_bytes()].concat();
    assert_eq!(said(Payload::Tuya, &tuya_frame(&with_code)), expected);
    let nothing = all([""; 4]);
    assert_eq!(said(Payload::Tuya, &tuya_frame(&[0x9c; 64])), nothing);
    let newer = [&[0, 0, 0x66, 0x99][..], &[7; 40], &TUYA_SUFFIX_35].concat();
    assert_eq!(said(Payload::Tuya, &newer), nothing);
    // A client of the protocol, without a number of a device; a chat on the same port.
    assert_eq!(
        said(Payload::Tuya, &tuya_frame(b"{\"from\":\"app\"}")),
        None
    );
    assert_eq!(said(Payload::Tuya, b"NICK somebody\r\n"), None);
}

#[test]
fn what_is_cut_off_is_malformed() {
    let octets = dhip_frame(NOTICE);
    for len in 8..octets.len() {
        assert!(
            device(Payload::Dhip, &octets[..len]).is_err(),
            "{len} octets"
        );
    }
    let mut octets = tuya_frame(ANNOUNCEMENT.as_bytes());
    octets[15] ^= 1;
    assert_eq!(device(Payload::Tuya, &octets), Err(Malformed::at("length")));
}

#[test]
fn nothing_that_is_cut_or_changed_makes_reading_fail() {
    let kasa = kasa_frame(SYSINFO);
    for (payload, octets) in [
        (Payload::Sadp, PROBE_MATCH),
        (Payload::Dhip, &dhip_frame(NOTICE)),
        (Payload::Kasa, &kasa),
        (Payload::Kasa, &[&[0, 0, 0, 99][..], &kasa].concat()),
        (Payload::Tuya, &tuya_frame(ANNOUNCEMENT.as_bytes())),
    ] {
        crate::identity::torment(octets, |it| {
            let _ = device(payload, it);
        });
    }
}

#[test]
fn the_device_is_the_end_that_has_the_port() {
    assert_eq!(payload_of(9999, 40_000), Some(Payload::Kasa));
    assert_eq!(payload_of(40_000, 9999), None);
    assert_eq!(payload_of(37_810, 40_000), Some(Payload::Dhip));
    assert_eq!(payload_of(40_000, 37_810), None);
    assert_eq!(payload_of(40_000, 6667), Some(Payload::Tuya));
    assert_eq!(payload_of(37_020, 37_020), Some(Payload::Sadp));
    assert_eq!(payload_of(443, 40_000), None);
}
