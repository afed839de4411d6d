//! A PostgreSQL server that wants a password and takes none: the server for tests may not want any.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// Dropping it ends it.
pub struct PasswordServer {
    pub address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl PasswordServer {
    pub async fn start() -> PasswordServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(refuse(stream));
            }
        });
        PasswordServer { address, _accepting: AbortOnDropHandle::new(accepting) }
    }
}

/// What such a server says to a wrong password (PostgreSQL's manual, chapter 55).
async fn refuse(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    assert!(stream.read(&mut bytes).await.unwrap() > 0, "the startup message");
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await.unwrap();
    let length = stream.read(&mut bytes).await.unwrap();
    assert_eq!(bytes[0], b'p', "{:?}", &bytes[..length]);
    let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"me\"\0\0";
    stream.write_all(b"E").await.unwrap();
    stream.write_all(&(fields.len() as u32 + 4).to_be_bytes()).await.unwrap();
    stream.write_all(fields).await.unwrap();
}
