//! CPU time, for measuring what models cost: unlike wall time it is the same on a busy machine. No clock of a call.

use std::time::Duration;

/// CPU time of the calling thread.
#[must_use]
pub fn thread_cpu() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of all threads of this process.
#[must_use]
pub fn process_cpu() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the type the call fills.
    #[expect(unsafe_code, reason = "the standard library does not read CPU clocks")]
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result != 0 {
        return Duration::ZERO; // Linux has these clocks; without them costs read as nothing and capacity as its default
    }
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time_of_its_thread() {
        let before = thread_cpu();
        let mut sum = 0_u64;
        while thread_cpu() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(process_cpu() >= thread_cpu() - before);
    }
}
