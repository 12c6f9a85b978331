//! The guide to a service of one's own, followed word by word.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use resido_e2e::{cluster::free_port, scratch, wait};

const PROGRAM: &str = env!("CARGO_BIN_EXE_resido-under-test");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const GUIDE: &str = include_str!("../../../../docs/guides/add-a-service.md");

/// A block of the guide: its language, what stands beside that, and its text.
type Block = (&'static str, &'static str, String);

/// Returns the blocks that say what they are for, with these addresses in place
/// of the usual ones.
fn blocks(addresses: &[(&str, String)]) -> Vec<Block> {
    let pieces = GUIDE.split("```").skip(1).step_by(2);
    pieces
        .map(|piece| {
            let (head, text) = piece.split_once('\n').unwrap();
            let (language, purpose) = head.split_once(' ').unwrap();
            let mut text = text.to_owned();
            for (usual, ours) in addresses {
                text = text.replace(usual, ours);
            }
            (language, purpose, text)
        })
        .collect()
}

/// A process that is ended with all that it started.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let mut kill = Command::new("kill");
        kill.args(["-TERM", "--", &group]).status().unwrap();
        self.0.wait().unwrap();
    }
}

/// The folder that the guide speaks of.
struct Desk {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Desk {
    fn new(variables: Vec<(&'static str, String)>) -> Self {
        let around = scratch::folder("guide").unwrap();
        symlink(fs::canonicalize(ROOT).unwrap(), around.join("resido")).unwrap();
        let (folder, bin) = (around.join("tickets"), around.join("bin"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&bin).unwrap();
        symlink(PROGRAM, bin.join("resido")).unwrap();
        // The embedded server's own account must get in.
        for path in [&around, &folder] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        // The very versions that the product is built of.
        let lock = Path::new(ROOT).join("Cargo.lock");
        fs::copy(lock, folder.join("Cargo.lock")).unwrap();
        let target = Path::new(ROOT).join("target/guide").display().to_string();
        let own = [
            ("BIN", bin.display().to_string()),
            ("CARGO_TARGET_DIR", target),
        ];
        Self {
            folder,
            variables: own.into_iter().chain(variables).collect(),
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn bash(&self, script: &str) -> Command {
        let script = format!("PATH=$BIN:$PATH\n{script}");
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script])
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env_remove("RESIDO_CONFIG")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .current_dir(&self.folder);
        bash
    }

    async fn run(&self, script: &str) -> String {
        let mut bash = self.bash(script);
        let output = tokio::task::spawn_blocking(move || bash.output().unwrap());
        let output = output.await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn start(&self, script: &str) -> Background {
        let mut bash = self.bash(script);
        bash.process_group(0).stdout(Stdio::null());
        Background(bash.spawn().unwrap())
    }
}

async fn answers(address: &str) -> bool {
    let limit = Duration::from_secs(300);
    let connect = || async { tokio::net::TcpStream::connect(address).await.is_ok() };
    wait::until(limit, connect).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_ones_own_is_made_as_the_guide_says() {
    let address = || format!("127.0.0.1:{}", free_port().unwrap());
    let (gateway, admin, service) = (address(), address(), address());
    let blocks = blocks(&[
        ("127.0.0.1:8080", gateway.clone()),
        ("127.0.0.1:9901", admin.clone()),
        ("127.0.0.1:50060", service.clone()),
    ]);
    let desk = Desk::new(vec![
        ("RESIDO_LISTEN", gateway.clone()),
        ("RESIDO_ADMIN_LISTEN", admin),
    ]);
    let (mut running, mut printed) = (Vec::new(), String::new());
    for (language, purpose, text) in blocks {
        match (language, purpose) {
            ("sh", "run") => printed.push_str(&desk.run(&text).await),
            ("sh", "up") => {
                running.push(desk.start(&text));
                assert!(answers(&gateway).await, "the product does not start");
            }
            ("sh", "serve") => {
                running.push(desk.start(&text));
                assert!(answers(&service).await, "the service does not start");
            }
            (_, path) => desk.write(path, &text),
        }
    }
    let answers: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    let [created, own, foreign] = answers[..] else {
        panic!("{printed}");
    };
    assert!(created.contains(r#""title":"Mend the roof""#), "{created}");
    assert!(own.contains("Mend the roof"), "{own}");
    assert_eq!(foreign, r#"{"tickets":[]}"#);
    // The service first, then what it depends on.
    while let Some(last) = running.pop() {
        drop(last);
    }
}
