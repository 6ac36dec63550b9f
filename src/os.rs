//! All `unsafe` code: what the operating system and the drivers of GPUs are told and asked for which there is no safe call.
#![expect(unsafe_code, reason = "each block says why it is sound")]

#[cfg(unix)]
pub use self::closed::refuse_closed_output;

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

/// Has a write beyond the limit of file sizes refused as any other write is, where the signal for it would end the process
/// in silence.
pub fn refuse_large_files() {
    #[cfg(unix)]
    // SAFETY: no handler is installed; ignoring a signal runs no code of ours.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// A module without the counters that end endless loops: one in every loop keeps drivers from unrolling it, and from
/// holding in registers what it indexes. Accesses stay checked.
pub fn module_without_loop_counters(device: &wgpu::Device, text: wgpu::ShaderModuleDescriptor) -> wgpu::ShaderModule {
    let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
    // SAFETY: texts are this crate's own shaders, in which every loop counts up or down by a `for` to a bound that was set
    // before it: a test reads all of them.
    unsafe { device.create_shader_module_trusted(text, checks) }
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

/// A stdout that was closed when the program began (`>&-`), or cannot be written (`1<file`). Rust's runtime opens
/// /dev/null in place of closed streams and takes a write that is refused for one that was done: data would be lost in
/// silence.
#[cfg(unix)]
mod closed {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    const STDOUT: libc::c_int = 1;

    static IS_CLOSED: AtomicBool = AtomicBool::new(false);

    // The loader calls what stands in this section before the runtime begins.
    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        // SAFETY: F_GETFL changes nothing and takes any number for a descriptor.
        let flags = unsafe { libc::fcntl(STDOUT, libc::F_GETFL) };
        IS_CLOSED.store(flags == -1 || flags & libc::O_ACCMODE == libc::O_RDONLY, Ordering::Relaxed);
    }

    /// Has every write to a closed stdout refused, by its number and by its names as /dev/stdout: puts a socket there
    /// that is connected to nothing ([`io::ErrorKind::NotConnected`]). To be called before anything is written.
    pub fn refuse_closed_output() -> io::Result<()> {
        if !IS_CLOSED.load(Ordering::Relaxed) {
            return Ok(());
        }
        // SAFETY: takes numbers only, and closes a descriptor that nobody else knows. What stdout led to is the
        // runtime's /dev/null, or a file that was not opened for writing.
        unsafe {
            let socket = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
            if socket == -1 || libc::dup2(socket, STDOUT) == -1 {
                return Err(io::Error::last_os_error());
            }
            libc::close(socket);
        }
        Ok(())
    }
}
