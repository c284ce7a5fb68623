//! The Go program with the real plugins (`go/`), driven over its standard input and output.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

/// Whose plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// go-micro's own.
    GoMicro,
    /// What oCIS and OpenCloud replace them with.
    Ocis,
}

impl Origin {
    /// Both.
    pub const ALL: [Origin; 2] = [Origin::GoMicro, Origin::Ocis];

    /// A name for buckets and keys of its own.
    pub fn name(self) -> &'static str {
        match self {
            Origin::GoMicro => "go-micro",
            Origin::Ocis => "ocis",
        }
    }

    fn module_file(self) -> &'static str {
        match self {
            Origin::GoMicro => "go.mod",
            Origin::Ocis => "ocis.mod",
        }
    }

    fn program(self) -> &'static Path {
        static BUILT: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
        BUILT[self as usize].get_or_init(|| build(self))
    }
}

/// Go knows what has to be built anew.
fn build(origin: Origin) -> PathBuf {
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{}", origin.name()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/go");
    let mut command = Command::new("go");
    command.current_dir(source).args(["build", "-mod=readonly", "-modfile", origin.module_file(), "-o"]);
    let built = command.arg(&output).arg(".").output();
    let built = built.unwrap_or_else(|error| panic!("go: {error}; install Go 1.26 (go.dev/dl)"));
    assert!(built.status.success(), "go build: {}", String::from_utf8_lossy(&built.stderr));
    output
}

/// A process with plugins in it. It ends when this is dropped, and by the end of its input when the test is killed.
pub struct Plugin {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Plugin {
    pub fn start(origin: Origin) -> Plugin {
        let mut command = Command::new(origin.program());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("just built");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Plugin { child, pipes: RefCell::new((input, output)) }
    }

    /// Opens a store with the settings of a service; see `go/open.go` for their names.
    pub fn open(&self, settings: Value) -> GoStore<'_> {
        let mut request = settings;
        request["do"] = json!("open");
        let opened = self.call(&request).expect("opens");
        GoStore { plugin: self, number: opened["store"].clone(), scope: None }
    }

    fn call(&self, request: &Value) -> Result<Value, Refusal> {
        let (input, output) = &mut *self.pipes.borrow_mut();
        writeln!(input, "{request}").expect("the program reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("the program answers");
        let reply: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{request}: {line:?}: {error}"));
        match reply["error"].as_str() {
            None => Ok(reply),
            Some(_) if reply["not_found"] == true => Err(Refusal::NotFound),
            Some(error) => Err(Refusal::Other(error.to_owned())),
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NotFound,
    Other(String),
}

/// A go-micro store.
pub struct GoStore<'a> {
    plugin: &'a Plugin,
    number: Value,
    scope: Option<(String, String)>,
}

/// What a go-micro store answers to a read.
#[derive(Clone, Debug, PartialEq)]
pub struct GoRecord {
    pub key: Vec<u8>,
    /// None for Go's nil.
    pub value: Option<Vec<u8>>,
    pub metadata: Value,
    /// Time left, as the plugin tells it.
    pub expiry: Option<Duration>,
}

impl GoStore<'_> {
    /// The same store with a database and table in each call, as reva's caches name them.
    pub fn scoped(&self, database: &str, table: &str) -> GoStore<'_> {
        GoStore {
            plugin: self.plugin,
            number: self.number.clone(),
            scope: Some((database.to_owned(), table.to_owned())),
        }
    }

    pub fn write(&self, key: &[u8], value: impl Into<Option<&'static [u8]>>) {
        self.write_with(key, value.into(), Value::Null);
    }

    pub fn write_with(&self, key: &[u8], value: Option<&[u8]>, metadata: Value) {
        let value = value.map(|value| BASE64.encode(value));
        self.call("write", json!({"key": BASE64.encode(key), "value": value, "metadata": metadata})).expect("written");
    }

    /// Writes with a record's expiry, a Go duration.
    pub fn write_for(&self, key: &[u8], value: &[u8], expiry: &str) {
        let request = json!({"key": BASE64.encode(key), "value": BASE64.encode(value), "expiry": expiry});
        self.call("write", request).expect("written");
    }

    pub fn read(&self, key: &[u8]) -> Option<GoRecord> {
        match self.call("read", json!({"key": BASE64.encode(key)})) {
            Ok(reply) => {
                let mut records = records(&reply);
                assert_eq!(records.len(), 1, "an exact read: {reply}");
                records.pop()
            }
            Err(Refusal::NotFound) => None,
            Err(Refusal::Other(error)) => panic!("{:?}: {error}", String::from_utf8_lossy(key)),
        }
    }

    /// The value, which must not be nil.
    pub fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.read(key).map(|record| record.value.expect("a value"))
    }

    /// Reads by prefix or suffix.
    pub fn read_many(&self, filter: Filter) -> Vec<GoRecord> {
        let reply = self.call("read", filter.request()).expect("read");
        let mut records = records(&reply);
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    }

    /// The keys, sorted.
    pub fn list(&self, filter: Filter) -> Vec<Vec<u8>> {
        self.try_list(filter).expect("listed")
    }

    /// The keys, sorted, or what the plugin said.
    pub fn try_list(&self, filter: Filter) -> Result<Vec<Vec<u8>>, String> {
        let reply = self.call("list", filter.request()).map_err(|refusal| format!("{refusal:?}"))?;
        let mut keys: Vec<_> = reply["keys"].as_array().expect("keys").iter().map(bytes).collect();
        keys.sort();
        Ok(keys)
    }

    pub fn delete(&self, key: &[u8]) {
        self.call("delete", json!({"key": BASE64.encode(key)})).expect("deleted");
    }

    pub fn delete_bucket(&self, name: &str) {
        self.call("delete_bucket", json!({"key": BASE64.encode(name.as_bytes())})).expect("deleted");
    }

    fn call(&self, name: &str, arguments: Value) -> Result<Value, Refusal> {
        let mut request = arguments;
        request["do"] = json!(name);
        request["store"] = self.number.clone();
        if let Some((database, table)) = &self.scope {
            request["scoped"] = json!(true);
            request["database"] = json!(database);
            request["table"] = json!(table);
        }
        self.plugin.call(&request)
    }
}

/// Which keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub prefix: &'static [u8],
    pub suffix: &'static [u8],
    pub limit: usize,
    pub offset: usize,
}

impl Filter {
    /// All of them.
    pub const ALL: Filter = Filter { prefix: b"", suffix: b"", limit: 0, offset: 0 };

    /// Those that begin with this.
    pub fn prefix(prefix: &'static [u8]) -> Filter {
        Filter { prefix, ..Filter::ALL }
    }

    /// Those that end with this.
    pub fn suffix(suffix: &'static [u8]) -> Filter {
        Filter { suffix, ..Filter::ALL }
    }

    fn request(self) -> Value {
        json!({
            "prefix": BASE64.encode(self.prefix),
            "suffix": BASE64.encode(self.suffix),
            "limit": self.limit,
            "offset": self.offset,
        })
    }
}

fn records(reply: &Value) -> Vec<GoRecord> {
    let record = |record: &Value| GoRecord {
        key: bytes(&record["key"]),
        value: record["value"].as_str().map(|_| bytes(&record["value"])),
        metadata: record["metadata"].clone(),
        expiry: record["expiry"].as_u64().filter(|expiry| *expiry > 0).map(Duration::from_nanos),
    };
    reply["records"].as_array().expect("records").iter().map(record).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    BASE64.decode(text.as_str().expect("base64").as_bytes()).expect("base64")
}
