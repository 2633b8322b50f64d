import ObjectStore

extension ReplicationObserver {
  /// Returns a function that reports the state without a request; nil while nothing is mirrored.
  ///
  /// The function may be called on any thread. After the mirror has stopped, it returns the last
  /// state.
  package var monitor: (@Sendable () -> MirrorStatus)? {
    guard let pipeline else { return nil }
    let (url, durability) = (store.url, settings.durability)
    return {
      var status = pipeline.status()
      status.url = url
      status.durability = durability
      return status
    }
  }
}
