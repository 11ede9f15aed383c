//! System calls that no well-kept crate has a safe name for, each wrapped so that no caller can misuse it: all unsafe
//! code of the program is in this room.

#![allow(unsafe_code)]

mod bpf;
mod child;
#[cfg(target_arch = "x86_64")]
mod clock;
mod ethtool;
mod file_limit;
mod pidfd;
mod socket;
mod terminal;
mod watch;

pub use bpf::{attach_to_cgroup, load_socket_binder};
pub use child::{
    default_action, die_with_parent, inherit_only_streams, lead_session_on_terminal, limit_files,
};
#[cfg(target_arch = "x86_64")]
pub use clock::tsc_khz;
pub use ethtool::Offload;
pub use file_limit::FileLimit;
pub use pidfd::{pidfd_open, pidfd_send_signal};
pub use socket::{allow_fragments, loopback_up, lost_frames, namespace_cookie, set_option};
pub use terminal::{WindowSize, set_window_size, window_size};
pub use watch::watch;
