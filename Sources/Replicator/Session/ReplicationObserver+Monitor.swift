import ObjectStore

extension ReplicationObserver {
  /// Tells how the mirror stands, from any thread and without a request; nil while nothing is being mirrored.
  ///
  /// Goes on telling the last state once the mirror has stopped.
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
