//! A hint to the processor that memory will be needed soon.
//!
//! Tables of a busy sensor are larger than the caches, so the first touch of a slot costs a wait
//! for memory. Asking for some slots ahead of using the first hides that wait.

/// Asks for the cache line that holds the first octets of `item`.
#[inline]
pub(crate) fn prefetch<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and cannot fault; the pointer comes from a reference.
        #[expect(unsafe_code, reason = "there is no safe form of a prefetch")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}
