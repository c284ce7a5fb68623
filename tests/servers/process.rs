//! One child process: a server.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::{Result, namespaces, wait_for};

/// How much of a log stands in an error.
const LOG_LINES: usize = 30;

/// What is started, so that it can be started again.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where its output goes, added to what is there.
    pub log: PathBuf,
    /// The network namespace that it runs in, none for this process's own.
    pub namespace: Option<String>,
}

/// The child. It is killed when this is dropped, and when the test process dies.
pub struct Process {
    program: Program,
    child: Option<Child>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the program cannot be run.
    pub fn start(program: Program) -> Result<Process> {
        let mut process = Process { program, child: None };
        process.start_again()?;
        Ok(process)
    }

    /// Starts it again as it was, after it was stopped.
    ///
    /// # Errors
    ///
    /// When the program cannot be run.
    pub fn start_again(&mut self) -> Result<()> {
        assert!(self.child.is_none(), "{} runs already", self.program.binary.display());
        self.child = Some(spawn(&self.program)?);
        Ok(())
    }

    /// The process's id, none when it was stopped.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it with no chance to do anything, and waits until it is gone. Idempotent.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks it to end, and kills it after ten seconds. Idempotent.
    pub fn stop(&mut self) {
        let Some(child) = &mut self.child else { return };
        // SAFETY: the child was not waited for, so that its id is nobody else's.
        unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// Stops it where it stands: its connections stay and nothing answers.
    pub fn pause(&self) {
        self.signal(libc::SIGSTOP);
        // The kernel stops one thread after the other.
        let _ = wait_for("a pause", Duration::from_secs(5), || match self.state() {
            Some('T') => Ok(()),
            other => Err(format!("state {other:?}")),
        });
    }

    /// Lets it go on after [`Process::pause`].
    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// How it ended, if it did by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// The end of what it wrote.
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.program.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Waits until `answers` says that the server does.
    ///
    /// # Errors
    ///
    /// With the end of the log, when the process ends before, or after [`super::PATIENCE`].
    pub fn wait_until_ready(&mut self, mut answers: impl FnMut() -> Result<()>) -> Result<()> {
        let name = self.program.binary.display().to_string();
        let ready = wait_for(&name, super::PATIENCE, || match self.ended() {
            Some(status) => Ok(Err(format!("{name}: ended ({status}) before it was ready"))),
            None => answers().map(Ok),
        });
        ready.and_then(|ready| ready).map_err(|fault| format!("{fault}\n{}", self.log()))
    }

    fn signal(&self, signal: i32) {
        let child = self.child.as_ref().expect("the process was not stopped");
        // SAFETY: the child was not waited for, so that its id is nobody else's.
        let result = unsafe { libc::kill(child.id() as libc::pid_t, signal) };
        assert_eq!(result, 0, "signal {signal}: {}", io::Error::last_os_error());
    }

    fn state(&self) -> Option<char> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id()?)).ok()?;
        // The name before it may hold anything, so it is looked for from its end.
        text.rsplit_once(") ")?.1.chars().next()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &Program) -> Result<Child> {
    let fault = |error: io::Error| format!("{}: {error}", program.binary.display());
    let log = OpenOptions::new().create(true).append(true).open(&program.log).map_err(fault)?;
    let mut command = Command::new(&program.binary);
    command.args(&program.arguments).stdin(Stdio::null());
    command.stdout(log.try_clone().map_err(fault)?).stderr(log);
    if let Some(namespace) = &program.namespace {
        namespaces::enter(&mut command, namespace)?;
    }
    die_with_parent(&mut command, libc::SIGKILL);
    spawn_for_ever(command).map_err(fault)
}

/// Has the kernel send `signal` to the child when the thread that starts it is gone.
pub fn die_with_parent(command: &mut Command, signal: i32) {
    let parent = std::process::id() as libc::pid_t;
    // SAFETY: prctl and getppid are system calls, and allocate nothing between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, signal);
            // It may have died before the call above.
            if libc::getppid() == parent { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
        })
    };
}

type Job = (Command, Sender<io::Result<Child>>);

/// Starts the child from a thread that lives as long as the process: it is a thread's death that the kernel tells
/// children of, and a test's thread ends before the servers that it shares with other tests.
pub fn spawn_for_ever(command: Command) -> io::Result<Child> {
    static KEEPER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = channel();
    let sent = keeper.lock().unwrap_or_else(PoisonError::into_inner).send((command, sender));
    sent.map_err(io::Error::other)?;
    answer.recv().map_err(io::Error::other)?
}
