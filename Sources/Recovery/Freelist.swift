internal import Bytes

extension PageSource {
  /// The pages in the database's freelist, including its trunks.
  var freePages: Set<Int> {
    var free: Set<Int> = []
    var trunk = Int(header.bigEndian(UInt32.self, at: 32))
    while trunk > 0, let page = page(trunk), free.insert(trunk).inserted {
      let count = min(Int(page.bigEndian(UInt32.self, at: 4)), pageSize / 4 - 2)
      for index in 0..<count {
        let number = Int(page.bigEndian(UInt32.self, at: 8 + 4 * index))
        if number >= 1 && number <= pageCount { free.insert(number) }
      }
      trunk = Int(page.bigEndian(UInt32.self, at: 0))
    }
    return free
  }
}
