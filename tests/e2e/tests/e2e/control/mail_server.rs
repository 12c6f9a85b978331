//! A mail server that is good enough for a test (RFC 5321, without extensions).

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Takes every mail up to its end, and then gives always the same answer. It ends
/// when dropped.
pub(super) struct MailServer {
    pub(super) url: String,
    seen: Seen,
    serving: JoinHandle<()>,
}

type Seen = Arc<Mutex<Vec<String>>>;

impl MailServer {
    /// Answers so to a whole mail.
    pub(super) async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        let all = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // The client may go without a word.
                tokio::spawn(talk(socket, answer, Arc::clone(&all)));
            }
        });
        Self { url, seen, serving }
    }

    /// Returns the mails that have come, in order.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn talk(socket: TcpStream, answer: &'static str, seen: Seen) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test.example ready\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split(' ').next().unwrap_or_default();
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 test.example",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?
                    && line != "."
                {
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push('\n');
                }
                seen.lock().unwrap().push(mail);
                answer
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 unknown",
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}
