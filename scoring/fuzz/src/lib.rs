//! What the fuzzers run: the targets that `tests/fuzz.rs` runs too, and the mutator that keeps JSON JSON.

#[path = "../../tests/support/targets.rs"]
pub mod targets;

use targets::mutate;
use targets::numbers::Numbers;

/// Changes the first `size` bytes of `data` and gives the new size: every second time as libFuzzer does, else as JSON.
pub fn mutated(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut numbers = Numbers(seed.into());
    if numbers.below(2) == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let document = data[..size].to_vec();
    let changed = mutate::step(document.clone(), &document, &mut numbers);
    let size = changed.len().min(max_size);
    data[..size].copy_from_slice(&changed[..size]);
    size
}

/// The main function of a fuzzer for one target.
#[macro_export]
macro_rules! fuzzer {
    ($target:ident) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::targets::$target(data));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutated(data, size, max_size, seed)
        });
    };
}
