//! The broker's end of the port to the guest.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::super::frame::{Decoder, Frame};
use super::hub::Hub;

/// How many frames may wait for the guest; a client that sends more waits for it.
const QUEUE: usize = 16;

/// The connected port.
pub(super) struct Port {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    decoder: Decoder,
    buffer: Vec<u8>,
    queue: mpsc::Receiver<Frame>,
}

impl Port {
    /// The port, and where frames for the guest are put.
    pub fn new(stream: UnixStream) -> (Self, mpsc::Sender<Frame>) {
        let (reader, writer) = stream.into_split();
        let (sender, queue) = mpsc::channel(QUEUE);
        let buffer = vec![0; 128 * 1024];
        (Self { reader, writer, decoder: Decoder::default(), buffer, queue }, sender)
    }

    /// The next frame from the guest, or why there is none any more.
    pub async fn receive(&mut self) -> Result<Frame, String> {
        receive(&mut self.reader, &mut self.decoder, &mut self.buffer).await
    }

    /// Carries frames both ways until the port closes, and says why it did.
    pub async fn carry(mut self, hub: &Hub) -> String {
        let incoming = async {
            loop {
                match receive(&mut self.reader, &mut self.decoder, &mut self.buffer).await {
                    Ok(frame) => hub.deliver(frame),
                    Err(error) => break error,
                }
            }
        };
        let outgoing = async {
            while let Some(frame) = self.queue.recv().await {
                if let Err(error) = self.writer.write_all(&frame.encode()).await {
                    return format!("the port to the guest cannot be written: {error}");
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            error = incoming => error,
            error = outgoing => error,
        }
    }
}

async fn receive(
    reader: &mut OwnedReadHalf,
    decoder: &mut Decoder,
    buffer: &mut [u8],
) -> Result<Frame, String> {
    loop {
        if let Some(frame) = decoder.next().map_err(|error| error.to_string())? {
            return Ok(frame);
        }
        match reader.read(buffer).await {
            Ok(0) => return Err("the guest has closed its port".to_owned()),
            Ok(count) => decoder.push(&buffer[..count]),
            Err(error) => return Err(format!("the port to the guest cannot be read: {error}")),
        }
    }
}
