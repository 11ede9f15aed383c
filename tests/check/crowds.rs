//! More packets than anybody can read.

use crate::bench::Bench;
use crate::options::{ROW, within};
use socket2::SockFilter;
use std::net::UdpSocket;
use vrflab::kernel::PacketSocket;

/// The instruction that keeps a whole frame (`BPF_RET | BPF_K`).
const KEEP: SockFilter = SockFilter::new(0x06, 0, 0, u32::MAX);

#[test]
fn frames_for_which_there_is_no_room_are_counted_once() {
    let bench = Bench::new(ROW);
    within(&bench, "h1", || {
        let socket = PacketSocket::with_room(4096, &[KEEP]).unwrap();
        assert_eq!(socket.lost().unwrap(), 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1000], "127.0.0.1:9").unwrap();
        }
        let mut buffer = [0; 2048];
        let read = std::iter::from_fn(|| socket.receive(&mut buffer).unwrap().map(|_| ())).count();
        let lost = socket.lost().unwrap() as usize;
        // Each goes out and comes in, and may be refused, which goes out and comes in too.
        assert!(lost > 0 && lost + read >= 200, "{lost} lost, {read} read");
        assert_eq!(socket.lost().unwrap(), 0);
    });
}
