//! Dictionaries: when one is trained, on what, and which objects still need an old one.

use std::{io, sync::Arc};

use zstd::{dict::from_continuous, zstd_safe::DDict};

use super::codec::Encoder;

/// At most so many bytes of JSON are looked at to train one.
pub(super) const SAMPLE: usize = 1 << 20;

/// Its size. Training goes wrong with less than some thirty times as much to learn from, and a larger one makes pods no smaller.
const SIZE: usize = 16 << 10;

/// Every so manieth sample is not trained on, but tried.
const TRIED: usize = 5;

/// With fewer samples there is nothing to learn.
pub(super) const FEWEST: usize = 16;

/// A new dictionary takes the place of another if it makes objects smaller than so many hundredths of what they are.
const BETTER: usize = 93;

/// A dictionary has stopped fitting if objects are so many hundredths of what they were when it was trained.
const WORSE: usize = 120;

/// The first is trained when so many bytes of JSON have come; until a list is whole at the latest.
const FIRST: usize = 512 << 10;

/// One is tried again when there are so many times as many objects.
const GROWN: usize = 32;

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
    /// What it makes of objects that it was not trained on.
    pub(super) sizes: Sizes,
}

/// What has been packed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sizes {
    objects: usize,
    bytes: usize,
    packed: usize,
}

impl Sizes {
    fn add(&mut self, bytes: usize, packed: usize) {
        self.objects += 1;
        self.bytes += bytes;
        self.packed += packed;
    }

    /// Whether objects, or each byte of them, have become larger than so many hundredths of what they were.
    fn are_above(self, hundredths: usize, before: Self) -> bool {
        let product = |numbers: [usize; 3]| numbers.map(|it| it as u128).iter().product::<u128>();
        let is_above = |now: usize, then: usize| {
            product([self.packed, then, 100]) > product([before.packed, now, hundredths])
        };
        is_above(self.objects, before.objects) || is_above(self.bytes, before.bytes)
    }
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
    let lengths: Vec<usize> = of(false).map(str::len).collect();
    let before = sizes_of(now, of(true))?;
    // It cannot be trained on too little, or on the same again and again.
    let Ok(dictionary) = from_continuous(&bytes, &lengths, SIZE) else { return Ok(None) };
    let mut encoder = Encoder::new(&dictionary)?;
    let sizes = sizes_of(&mut encoder, of(true))?;
    let decoding = DDict::try_create(&dictionary).filter(|_| sizes.packed < before.packed * BETTER / 100);
    Ok(decoding.map(|decoding| Trained { encoder, decoding: Arc::new(decoding), sizes }))
}

fn sizes_of<'a>(encoder: &mut Encoder, samples: impl Iterator<Item = &'a str>) -> io::Result<Sizes> {
    let mut sizes = Sizes::default();
    for sample in samples {
        sizes.add(sample.len(), encoder.encode(sample)?.len());
    }
    Ok(sizes)
}

/// How well the dictionary in use fits, and when another is tried.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// What it made of objects when it was trained; nothing if there is none.
    before: Option<Sizes>,
    /// And what it has made of those that have been written for some time.
    now: Sizes,
    /// How many objects there were when one was tried last.
    objects: usize,
    /// How many tries since then were in vain.
    vain: u32,
}

impl Fit {
    /// An object was packed with it.
    pub(super) fn note(&mut self, bytes: usize, packed: usize) {
        self.now.add(bytes, packed);
    }

    /// Whether another is to be tried, for so many objects.
    pub(super) fn is_due(&mut self, objects: usize) -> bool {
        let has_grown = objects >= self.objects.saturating_mul(GROWN);
        let Some(before) = self.before else {
            return self.now.bytes >= FIRST && has_grown;
        };
        if has_grown {
            return true;
        }
        let writes = WRITES.max(objects / 4).saturating_mul(1 << self.vain.min(16));
        if self.now.objects < writes {
            return false;
        }
        let is_worse = self.now.are_above(WORSE, before);
        if !is_worse {
            self.now = Sizes::default();
        }
        is_worse
    }

    /// Another was tried, for so many objects; what it makes of them, if it is used from now on.
    pub(super) fn tried(&mut self, objects: usize, sizes: Option<Sizes>) {
        self.objects = objects.max(1);
        self.vain = if sizes.is_some() { 0 } else { self.vain + 1 };
        self.before = sizes.or(self.before);
        self.now = Sizes::default();
    }

    /// Whether there is none, and something to train one on.
    pub(super) fn lacks_one(&self) -> bool {
        self.before.is_none() && self.now.bytes > 0
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
        assert!(!second.unwrap().sizes.are_above(200, first.sizes));
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
        assert!(!fit.is_due(5 * GROWN - 1));
        assert!(fit.is_due(5 * GROWN));
    }

    #[test]
    fn the_next_comes_when_there_are_more_or_it_does_not_fit() {
        let mut fit = Fit::default();
        fit.tried(100, Some(of_each(1000, 100)));
        assert!(!fit.is_due(100 * GROWN - 1));
        assert!(fit.is_due(100 * GROWN));
        let write = |fit: &mut Fit, count: usize, bytes: usize, packed: usize| {
            (0..count).for_each(|_| fit.note(bytes, packed));
            fit.is_due(100)
        };
        assert!(!write(&mut fit, WRITES, 1000, 119));
        assert!(!write(&mut fit, WRITES - 1, 1000, 130));
        assert!(write(&mut fit, 1, 1000, 130));
        // In vain: after twice as many.
        fit.tried(100, None);
        assert!(!write(&mut fit, 2 * WRITES - 1, 1000, 130));
        assert!(write(&mut fit, 1, 1000, 130));
        fit.tried(100, Some(of_each(1000, 130)));
        assert!(!write(&mut fit, WRITES, 1000, 130));
        // Larger objects, of which less is left for each byte; and smaller ones, of which more is.
        assert!(write(&mut fit, WRITES, 2000, 160));
        fit.tried(100, Some(of_each(1000, 130)));
        assert!(write(&mut fit, WRITES, 500, 100));
    }

    fn of_each(bytes: usize, packed: usize) -> Sizes {
        Sizes { objects: 10, bytes: bytes * 10, packed: packed * 10 }
    }
}
