//! One client of the broker.

use std::rc::Rc;

use nix::unistd::geteuid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

use super::super::frame::{Decoder, Frame, Message, PROTOCOL};
use super::hub::{Hub, Mailbox, Phase};
use super::not_up;

/// Serves the client until it, or the machine, is gone.
pub(super) async fn run(client: UnixStream, hub: Rc<Hub>) {
    // The directory of the socket lets nobody else in; this holds where it was opened up.
    let allowed = client.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw());
    if !allowed {
        return;
    }
    let (reader, writer) = client.into_split();
    let (mailbox, messages) = mpsc::unbounded_channel();
    let stream = hub.enter(mailbox.clone());
    let listening = listen(reader, &hub, stream, &mailbox);
    tokio::select! {
        () = listening => {}
        () = talk(writer, messages, hub.phase()) => {}
    }
    hub.leave(stream);
    if hub.has_command(stream)
        && let Some(to_guest) = hub.to_guest()
    {
        let _ = to_guest.send(Frame { stream, message: Message::Hangup }).await;
    }
}

/// Writes to the client what there is for it, ending with the news that the machine is gone.
async fn talk(
    mut writer: OwnedWriteHalf,
    mut messages: mpsc::UnboundedReceiver<Message>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut waiting = vec![Message::Welcome(PROTOCOL)];
    phase.mark_changed();
    loop {
        for message in waiting.drain(..) {
            let gone = matches!(message, Message::Gone(_));
            let bytes = Frame { stream: 0, message }.encode();
            if writer.write_all(&bytes).await.is_err() || gone {
                return;
            }
        }
        let message = tokio::select! {
            biased;
            message = messages.recv() => message,
            changed = phase.changed() => changed.ok().map(|()| {
                match phase.borrow_and_update().clone() {
                    Phase::Booting(what) => Message::Progress(what),
                    Phase::Up => Message::Up,
                    Phase::Gone(why) => Message::Gone(why),
                }
            }),
        };
        match message {
            Some(message) => waiting.push(message),
            None => return,
        }
    }
}

/// Does what the client asks, until it hangs up.
async fn listen(mut reader: OwnedReadHalf, hub: &Hub, stream: u32, mailbox: &Mailbox) {
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => decoder.push(&buffer[..count]),
        }
        loop {
            match decoder.next() {
                Ok(Some(frame)) => handle(frame.message, hub, stream, mailbox).await,
                Ok(None) => break,
                Err(error) => {
                    eprintln!("vrflab: a client talks nonsense: {error}");
                    return;
                }
            }
        }
    }
}

async fn handle(mut message: Message, hub: &Hub, stream: u32, mailbox: &Mailbox) {
    let answer = if message == Message::AskStatus {
        Message::Status(Box::new(hub.status()))
    } else if message == Message::Stop {
        return hub.stop_wanted.notify_one();
    } else if let Some(to_guest) = hub.to_guest() {
        hub.note_sent(stream, &mut message);
        let _ = to_guest.send(Frame { stream, message }).await;
        return;
    } else if message == Message::ListLabs {
        // A machine that is not up has no labs.
        Message::Labs(Vec::new())
    } else {
        not_up()
    };
    // The mailbox closes only when the client is gone.
    drop(mailbox.send(answer));
}
