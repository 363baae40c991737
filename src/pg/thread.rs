//! Threads in a backend.
//!
//! Invariant: a thread calls nothing of PostgreSQL, and no signal handler ever runs in it: handlers are written for the one
//! thread that a backend has.

/// Calls a function that starts a thread, with all signals blocked, so that the thread inherits a mask that lets none in.
pub fn start_quietly(start: &mut dyn FnMut()) {
    // SAFETY: `all` is filled before it is used, and `before` by the call that blocks; the mask is that of the calling thread,
    // and is put back as it was. `start` does not unwind: spawning a thread answers an error where it fails.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
        start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
    }
}
