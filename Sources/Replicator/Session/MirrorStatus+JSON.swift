package import Bytes

extension MirrorStatus {
  /// Adds the members of `.mirror status --json`; `state` replaces the phase's name.
  package func add(to object: inout JSONText, state: String? = nil) {
    object.add("state", text: state ?? phase.rawValue)
    object.add("replica", text: url.isEmpty ? nil : url)
    object.add("durability", text: durability.rawValue)
    object.add("generation", text: generation.map { "\($0)" })
    object.add("base", raw: hasBase ? "true" : "false")
    object.add("mirrored_transaction", raw: "\(stored)")
    object.add("committed_transaction", raw: "\(captured)")
    object.add("lag_frames", raw: "\(lagFrames)")
    object.add("lag_bytes", raw: "\(lagBytes)")
    object.add("lag_seconds", raw: JSONText.seconds(lagSeconds))
    object.add("requests", raw: "\(requests)")
    object.add("bytes_sent", raw: "\(bytesSent)")
    object.add("last_error", text: lastError)
    object.add("encryption_key", text: keyID)
  }
}
