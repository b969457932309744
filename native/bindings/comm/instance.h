#pragma once
#include <node_api.h>

#include <map>
#include <memory>
#include <vector>

#include "bindings/call.h"
#include "comm/communicator.h"

namespace scmoe::comm {

/// A communicator as JavaScript knows it: by a number. Keeps the arrays of work in progress from being collected.
struct Handle {
  std::unique_ptr<Communicator> communicator;
  napi_threadsafe_function done = nullptr;
  std::map<uint64_t, std::vector<napi_ref>> held;
};

/// What the addon knows of one environment (the main thread or a worker): nothing is shared between two of them.
class Instance {
 public:
  /// This environment's instance, made at the first call.
  static Instance& of(napi_env env);

  /// Takes over a communicator's engine. @param onDone JavaScript function, called with the sequence number of each
  /// work that has ended, on the JavaScript thread.
  uint32_t open(napi_env env, napi_value onDone, std::unique_ptr<Engine> engine, CommunicatorOptions options);

  /// @throws CommError for a number that is none, or one that was released.
  Handle& find(int64_t id);

  void hold(napi_env env, Handle& handle, uint64_t sequence, const std::vector<napi_value>& values);

  /// The arrays of work that has ended may be collected. Harmless a second time.
  static void letGo(napi_env env, Handle& handle, uint64_t sequence);

  /// Aborts, joins the thread, lets go of everything. Harmless for a number that was released already.
  void release(napi_env env, int64_t id);

 private:
  static void cleanUp(void* instance);
  static void onDone(napi_env env, napi_value function, void* context, void* data);

  napi_env env_ = nullptr;
  uint32_t next_ = 1;
  std::map<int64_t, std::unique_ptr<Handle>> handles_;
};

}  // namespace scmoe::comm
