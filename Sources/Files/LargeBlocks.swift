internal import CFiles

/// Memory in large blocks, for slices and parts of bases.
package enum LargeBlocks {
  /// Makes the system take back each block of 2 MiB or more when it is freed.
  ///
  /// > M_MMAP_THRESHOLD: setting it disables the dynamic adjustment of the mmap threshold
  /// > (https://man7.org/linux/man-pages/man3/mallopt.3.html).
  ///
  /// With adjustment it grows to 32 MiB: freed blocks then stay with the threads that freed them,
  /// and a mirror of large transactions takes twice the memory.
  package static func returnToSystem() {
    cfiles_return_large_blocks(2 << 20)
  }

  /// Returns the free memory of the heap to the system, after a burst of work.
  package static func trimHeap() { cfiles_trim_heap() }
}
