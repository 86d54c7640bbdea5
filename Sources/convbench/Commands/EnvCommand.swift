import ArgumentParser

struct EnvCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "env",
    abstract: "Prints what figures depend on: CPU, OpenBLAS, Swift, build.")

  func run() {
    let environment = Environment.current()
    for line in environment.lines + environment.warningLines {
      print(line)
    }
    environment.warningLines.forEach(printError)
  }
}
