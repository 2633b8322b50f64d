internal import Files

ProcessEnvironment.exit(Wiring.run())
