//! Dictionaries: when one is trained, on what, and which objects still need an old one.

use std::{io, sync::Arc};

use zstd::{dict::from_continuous, zstd_safe::DDict};

use super::codec::Encoder;

/// At most so many bytes of JSON are looked at to train one.
pub(super) const SAMPLE: usize = 1 << 20;

/// The sizes that are tried; the one that packs best is taken. More of a dictionary makes objects of one kind no smaller.
const SIZES: [usize; 2] = [16 << 10, 32 << 10];

/// Every so manieth sample is not trained on, but tried.
const TRIED: usize = 5;

/// With fewer samples there is nothing to learn.
const FEWEST: usize = 16;

/// A new dictionary takes the place of another if it makes objects smaller than this part of what they are.
const BETTER: f64 = 0.93;

/// A dictionary has stopped fitting if objects are larger than this many times what they were when it was trained.
const WORSE: f64 = 1.2;

/// The first is trained when so many bytes of JSON have come; until a list is whole at the latest.
const FIRST: usize = 512 << 10;

/// One is tried again when there are so many times as many objects.
const GROWN: usize = 8;

/// It has been written so many times before a dictionary is held to have stopped fitting.
const WRITES: usize = 512;

/// What readers have of it.
pub(super) type Decoding = Arc<DDict<'static>>;

/// The numbers of dictionaries: none, and two of which one may be old.
pub(super) const NUMBERS: usize = 3;

/// A dictionary that is worth its place.
pub(super) struct Trained {
    pub(super) encoder: Encoder,
    pub(super) decoding: Decoding,
    /// Packed bytes for each one of JSON, of objects that it was not trained on.
    pub(super) ratio: f64,
}

/// Trains one on these, unless it would be no better than what is in use.
///
/// # Errors
/// If there is no memory for it.
pub(super) fn train(samples: &[String], now: &mut Encoder) -> io::Result<Option<Trained>> {
    if samples.len() < FEWEST {
        return Ok(None);
    }
    let is_tried = |number: usize| number.is_multiple_of(TRIED);
    let of = |tried: bool| {
        samples.iter().enumerate().filter(move |it| is_tried(it.0) == tried).map(|(_, it)| it.as_str())
    };
    let bytes: Vec<u8> = of(false).flat_map(str::bytes).collect();
    let sizes: Vec<usize> = of(false).map(str::len).collect();
    let mut ratio = ratio(now, of(true))? * BETTER;
    let mut best = None;
    for size in SIZES {
        // It cannot be trained on too little, or on the same again and again.
        let Ok(dictionary) = from_continuous(&bytes, &sizes, size) else { continue };
        let mut encoder = Encoder::new(&dictionary)?;
        let with_it = self::ratio(&mut encoder, of(true))?;
        if with_it < ratio
            && let Some(decoding) = DDict::try_create(&dictionary)
        {
            ratio = with_it;
            best = Some(Trained { encoder, decoding: Arc::new(decoding), ratio });
        }
    }
    Ok(best)
}

#[allow(clippy::cast_precision_loss, reason = "it is a ratio of sizes")]
fn ratio<'a>(encoder: &mut Encoder, samples: impl Iterator<Item = &'a str>) -> io::Result<f64> {
    let (mut packed, mut bytes) = (0, 0);
    for sample in samples {
        packed += encoder.encode(sample)?.len();
        bytes += sample.len();
    }
    Ok(packed as f64 / bytes.max(1) as f64)
}

/// How well the dictionary in use fits, and when another is tried.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// Packed bytes for each one of JSON when it was trained; nothing if there is none.
    ratio: Option<f64>,
    /// How many objects there were when one was tried last.
    objects: usize,
    /// How many tries since then were in vain.
    vain: u32,
    writes: usize,
    packed: usize,
    bytes: usize,
}

impl Fit {
    /// An object was packed with it.
    pub(super) fn note(&mut self, bytes: usize, packed: usize) {
        self.writes += 1;
        self.packed += packed;
        self.bytes += bytes;
    }

    /// Whether another is to be tried, for so many objects.
    #[allow(clippy::cast_precision_loss, reason = "it is a ratio of sizes")]
    pub(super) fn is_due(&mut self, objects: usize) -> bool {
        let has_grown = objects >= self.objects.saturating_mul(GROWN);
        let Some(ratio) = self.ratio else {
            return self.bytes >= FIRST && (self.objects == 0 || has_grown);
        };
        if has_grown {
            return true;
        }
        let writes = WRITES.max(objects / 4).saturating_mul(1 << self.vain.min(16));
        if self.writes < writes {
            return false;
        }
        let now = self.packed as f64 / self.bytes.max(1) as f64;
        if now > ratio * WORSE {
            return true;
        }
        self.begin();
        false
    }

    /// Another was tried, for so many objects; its ratio, if it is used from now on.
    pub(super) fn tried(&mut self, objects: usize, ratio: Option<f64>) {
        self.objects = objects.max(1);
        self.vain = if ratio.is_some() { 0 } else { self.vain + 1 };
        self.ratio = ratio.or(self.ratio);
        self.begin();
    }

    /// Whether there is none, and something to train one on.
    pub(super) fn lacks_one(&self) -> bool {
        self.ratio.is_none() && self.bytes > 0
    }

    fn begin(&mut self) {
        (self.writes, self.packed, self.bytes) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(word: &str, count: usize) -> Vec<String> {
        let line =
            |number: usize, line: usize| format!("{word}-{line}: {:x}", (number + 1) * 7919 * (line + 3));
        let sample = |number| (0..40).map(|it| line(number, it)).collect::<Vec<_>>().join("\n");
        (0..count).map(sample).collect()
    }

    #[test]
    fn one_is_trained_if_it_helps() {
        let mut none = Encoder::default();
        assert!(train(&samples("a", FEWEST - 1), &mut none).unwrap().is_none(), "too few");
        let mut first = train(&samples("a", 200), &mut none).unwrap().unwrap();
        assert!(train(&samples("a", 200), &mut first.encoder).unwrap().is_none(), "no better");
        let second = train(&samples("something else", 200), &mut first.encoder).unwrap();
        assert!(second.unwrap().ratio < first.ratio * 2.0);
        // Nothing can be learned of nothing.
        assert!(train(&vec![String::new(); 100], &mut none).unwrap().is_none());
        let noise: Vec<String> = (0..100_u64)
            .map(|it| {
                let mut rng = fastrand::Rng::with_seed(it);
                (0..500).map(|_| rng.alphanumeric()).collect()
            })
            .collect();
        assert!(train(&noise, &mut none).unwrap().is_none());
    }

    #[test]
    fn the_first_comes_with_enough_to_learn_from() {
        let mut fit = Fit::default();
        assert!(!fit.lacks_one());
        fit.note(FIRST - 1, 1000);
        assert!(!fit.is_due(5) && fit.lacks_one());
        fit.note(1, 1);
        assert!(fit.is_due(5));
        // In vain: once more when there are many more.
        fit.tried(5, None);
        fit.note(FIRST, 1000);
        assert!(!fit.is_due(39));
        assert!(fit.is_due(40));
    }

    #[test]
    fn the_next_comes_when_there_are_more_or_it_does_not_fit() {
        let mut fit = Fit::default();
        fit.tried(100, Some(0.1));
        assert!(!fit.is_due(799));
        assert!(fit.is_due(800));
        let write = |fit: &mut Fit, count: usize, packed: usize| {
            (0..count).for_each(|_| fit.note(1000, packed));
            fit.is_due(100)
        };
        assert!(!write(&mut fit, WRITES, 119));
        assert!(!write(&mut fit, WRITES - 1, 130));
        assert!(write(&mut fit, 1, 130));
        // In vain: after twice as many.
        fit.tried(100, None);
        assert!(!write(&mut fit, 2 * WRITES - 1, 130));
        assert!(write(&mut fit, 1, 130));
        fit.tried(100, Some(0.13));
        assert!(!write(&mut fit, WRITES, 130));
    }
}
