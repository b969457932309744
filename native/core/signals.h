#pragma once
#include <csignal>

/// oneDNN's generated products use the stack pointer as an ordinary register: for microseconds at a time it points into
/// the heap. A signal that arrives then (Ctrl-C, a profiler's tick) has its frame written there, over whatever lies in
/// front of the operand. So no thread that computes products may take signals while it does:
/// docs/decisions.md#signals.
namespace scmoe {

/// All signals but those of a thread's own faults.
const sigset_t& asynchronousSignals();

/// Holds back the calling thread's asynchronous signals while it lives; they are delivered afterwards. Two system
/// calls, a fraction of a microsecond.
class SignalsHeld {
 public:
  SignalsHeld() { pthread_sigmask(SIG_BLOCK, &asynchronousSignals(), &before_); }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

/// The same for good, for the threads of the team: no handler needs them.
void holdSignalsForever();

}  // namespace scmoe
