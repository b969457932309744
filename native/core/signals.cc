#include "core/signals.h"

#include <initializer_list>

namespace scmoe {

const sigset_t& asynchronousSignals() {
  static const sigset_t signals = [] {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&all, fault);
    return all;
  }();
  return signals;
}

void holdSignalsForever() {
  thread_local bool held = false;
  if (held) return;
  pthread_sigmask(SIG_BLOCK, &asynchronousSignals(), nullptr);
  held = true;
}

}  // namespace scmoe
