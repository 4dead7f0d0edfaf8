//! What stores take: figures, and how they are shown.

pub mod charts;
pub mod keepers;
pub mod measure;
pub mod report;
pub mod server;

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What is measured, in the order of tables and charts; what others are held against comes first.
pub const STORES: [&str; 6] =
    ["kube-store", "kube-store-cleared", "kube-metadata", "slim", "row", "compact-store"];

/// What a store takes: an entry of the JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Which one, of [`STORES`].
    pub store: String,
    /// How many objects it has.
    pub objects: usize,
    /// Of the whole object, as a list has it.
    pub json_bytes_per_object: u64,
    /// Bytes that were asked of the allocator and not given back, filled without a server.
    pub live_bytes_per_object: u64,
    /// The same of memory that is resident.
    pub resident_bytes_per_object: u64,
    /// The most that was resident, above what was at the start, while all was listed from a server, and listed again.
    pub peak_resident_bytes: u64,
    /// Processor time to read an object and put it into the store.
    pub ingest_us: f64,
    /// The median of gets of objects that nobody has asked for before.
    pub get_us: f64,
    /// Processor time to read an object that has changed a little and put it in the place of the old one; in random order. Older figures have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_us: Option<f64>,
}

/// What a process takes that fills a store from a server; not in the JSON that others read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// Which store.
    pub store: String,
    /// How many objects it has.
    pub objects: usize,
    /// Resident once it is ready.
    pub rest_bytes_per_object: u64,
    /// The most until then.
    pub first_list_bytes_per_object: u64,
    /// The most while all was listed again; none if the machine had not the memory for that.
    pub relist_bytes_per_object: Option<u64>,
    /// Until it is ready.
    pub processor_seconds: f64,
    /// Until it is ready.
    pub seconds: f64,
}

/// Everything that a run has measured.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What others read.
    pub entries: Vec<Entry>,
    /// What is told beside it.
    pub watched: Vec<Watched>,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Where the guide is, and what it shows.
#[must_use]
pub fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

impl Figures {
    /// Those of the guide.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn read() -> Result<Self> {
        let read = |name| fs::read_to_string(docs().join(name));
        Ok(Self {
            entries: serde_json::from_str(&read("memory.json")?)?,
            watched: serde_json::from_str(&read("memory-watched.json")?)?,
        })
    }

    /// Makes them those of the guide: its JSON, its tables and its charts.
    ///
    /// # Errors
    /// If they cannot be written, or the guide has no place for tables.
    pub fn write(&self) -> Result<()> {
        let write = |name: &str, text: &str| fs::write(docs().join(name), text);
        write("memory.json", &json(&self.entries)?)?;
        write("memory-watched.json", &json(&self.watched)?)?;
        for (name, svg) in charts::all(self)? {
            write(name, &svg)?;
        }
        let guide = fs::read_to_string(docs().join("memory.md"))?;
        write("memory.md", &report::replaced(&guide, &report::tables(self)).ok_or("no place for tables")?)?;
        Ok(())
    }

    /// The most objects that a store was measured with.
    #[must_use]
    pub fn most_objects(&self) -> usize {
        self.entries.iter().map(|entry| entry.objects).max().unwrap_or_default()
    }

    /// The figures of a store with so many objects.
    #[must_use]
    pub fn entry(&self, store: &str, objects: usize) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.store == store && entry.objects == objects)
    }

    /// Those of a process that fills it from a server.
    #[must_use]
    pub fn watched(&self, store: &str, objects: usize) -> Option<&Watched> {
        self.watched.iter().find(|watched| watched.store == store && watched.objects == objects)
    }
}

impl Watched {
    /// The most while all was listed again, as a multiple of what there is at rest.
    #[must_use]
    pub fn relist_ratio(&self) -> Option<f64> {
        use crate::process::float;
        Some(float(self.relist_bytes_per_object?) / float(self.rest_bytes_per_object))
    }
}

/// As files have it.
///
/// # Errors
/// If it cannot be written.
pub fn json<T: Serialize>(values: &[T]) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(values)? + "\n")
}
