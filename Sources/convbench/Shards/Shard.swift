import ArgumentParser

/// One of the parts that a batch is divided into, each of whole images.
struct Shard: Equatable {
  let index: Int
  let count: Int

  /// The whole batch.
  static let whole = Self(index: 0, count: 1)

  /// The shard's images; the numbers of two shards differ by one at most.
  func images(of batch: Int) -> Range<Int> {
    // The product of `batch` and `index` could overflow.
    let (each, rest) = batch.quotientAndRemainder(dividingBy: count)
    let lower = index * each + min(index, rest)
    return lower..<lower + each + (index < rest ? 1 : 0)
  }
}

extension Shard: ExpressibleByArgument {
  /// `I/N`, with `I` from 0.
  init?(argument: String) {
    let parts = argument.split(
      separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1])
    else { return nil }
    self.init(index: index, count: count)
  }

  var isValid: Bool { count >= 1 && (0..<count).contains(index) }
}

extension Shard: CustomStringConvertible {
  var description: String { "\(index)/\(count)" }
}

extension Shard {
  /// Names of a process's rank and of the number of processes: Open MPI's,
  /// those of a Slurm step, and PMI's, which MPICH and Intel's MPI set.
  private static let variables = [
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("PMI_RANK", "PMI_SIZE"),
  ]

  /// The part that a launcher gave this process, if one did.
  init?(launchedIn environment: [String: String]) {
    for (rank, size) in Self.variables {
      if let index = environment[rank].flatMap({ Int($0) }),
        let count = environment[size].flatMap({ Int($0) })
      {
        self.init(index: index, count: count)
        return
      }
    }
    return nil
  }
}
