//! What the operating system is told and asked for which the standard library has no safe call: all `unsafe` code.
#![expect(unsafe_code, reason = "each block says why it is sound")]

/// Has no window system asked for by Vulkan drivers, who complain on stderr where they do not know where to ask: the
/// layer that Mesa puts in front of them looks for Wayland in any case. To be called before any other thread runs.
pub fn look_for_no_windows() {
    const DIRECTORY: &str = "XDG_RUNTIME_DIR";
    let is_set = std::env::var_os(DIRECTORY).is_some_and(|dir| std::path::Path::new(&dir).is_absolute());
    if cfg!(target_os = "linux") && !is_set {
        // SAFETY: no other thread runs yet that could read the environment meanwhile.
        unsafe { std::env::set_var(DIRECTORY, "/nonexistent") };
    }
}

/// Whether the process ignores a signal; before any handler is installed, that is what it inherited.
#[cfg(unix)]
pub fn is_ignored(signal: libc::c_int) -> bool {
    let mut current = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action sigaction(2) changes nothing; where it returns 0 it has filled `current`, which is
    // large enough for it and read only then.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), current.as_mut_ptr()) == 0
            && current.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
