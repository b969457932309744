#include "bindings/comm/instance.h"

#include <string>
#include <utility>

namespace scmoe::comm {

namespace {

void check(napi_status status, const char* what) {
  if (status != napi_ok) throw Error(std::string("Node-API: ") + what + " failed");
}

/// The handle and the sequence number travel through the thread-safe function as one small object.
struct Ended {
  Handle* handle;
  uint64_t sequence;
};

}  // namespace

void Instance::letGo(napi_env env, Handle& handle, uint64_t sequence) {
  const auto found = handle.held.find(sequence);
  if (found == handle.held.end()) return;
  for (napi_ref reference : found->second) napi_delete_reference(env, reference);
  handle.held.erase(found);
  // With nothing in flight, an open communicator does not keep the process alive.
  if (handle.held.empty()) napi_unref_threadsafe_function(env, handle.done);
}

Instance& Instance::of(napi_env env) {
  void* data = nullptr;
  check(napi_get_instance_data(env, &data), "reading the instance");
  if (data) return *static_cast<Instance*>(data);
  auto* instance = new Instance;
  instance->env_ = env;
  check(napi_set_instance_data(
            env, instance, [](napi_env, void* data, void*) { delete static_cast<Instance*>(data); }, nullptr),
        "setting the instance");
  check(napi_add_env_cleanup_hook(env, &Instance::cleanUp, instance), "adding a cleanup hook");
  return *instance;
}

void Instance::cleanUp(void* data) {
  auto* instance = static_cast<Instance*>(data);
  while (!instance->handles_.empty()) instance->release(instance->env_, instance->handles_.begin()->first);
}

void Instance::onDone(napi_env env, napi_value function, void*, void* data) {
  const std::unique_ptr<Ended> ended(static_cast<Ended*>(data));
  if (!env) return;  // the environment is going away, and the references with it
  letGo(env, *ended->handle, ended->sequence);
  napi_value receiver, sequence;
  if (napi_get_undefined(env, &receiver) != napi_ok) return;
  if (napi_create_double(env, static_cast<double>(ended->sequence), &sequence) != napi_ok) return;
  napi_call_function(env, receiver, function, 1, &sequence, nullptr);
}

uint32_t Instance::open(napi_env env, napi_value onDone, std::unique_ptr<Engine> engine, CommunicatorOptions options) {
  auto handle = std::make_unique<Handle>();
  napi_value name;
  check(napi_create_string_utf8(env, "scmoe communicator", NAPI_AUTO_LENGTH, &name), "making a string");
  check(napi_create_threadsafe_function(env, onDone, nullptr, name, 0, 1, nullptr, nullptr, nullptr, &Instance::onDone,
                                        &handle->done),
        "making a thread-safe function");
  check(napi_unref_threadsafe_function(env, handle->done), "letting the process end");
  Handle* raw = handle.get();
  options.onDone = [raw](uint64_t sequence) {
    auto* ended = new Ended{raw, sequence};
    if (napi_call_threadsafe_function(raw->done, ended, napi_tsfn_nonblocking) != napi_ok) delete ended;
  };
  try {
    handle->communicator = std::make_unique<Communicator>(std::move(engine), std::move(options));
  } catch (...) {
    napi_release_threadsafe_function(handle->done, napi_tsfn_abort);
    throw;
  }
  const uint32_t id = next_++;
  handles_[id] = std::move(handle);
  return id;
}

Handle& Instance::find(int64_t id) {
  const auto found = handles_.find(id);
  if (found == handles_.end())
    throw CommError(FailureKind::kClosed, "id: expected an open communicator, got " + std::to_string(id));
  return *found->second;
}

void Instance::hold(napi_env env, Handle& handle, uint64_t sequence, const std::vector<napi_value>& values) {
  std::vector<napi_ref> references;
  for (napi_value value : values) {
    napi_ref reference;
    check(napi_create_reference(env, value, 1, &reference), "holding an array");
    references.push_back(reference);
  }
  if (handle.held.empty()) napi_ref_threadsafe_function(env, handle.done);
  handle.held[sequence] = std::move(references);
}

void Instance::release(napi_env env, int64_t id) {
  const auto found = handles_.find(id);
  if (found == handles_.end()) return;
  const std::unique_ptr<Handle> handle = std::move(found->second);
  handles_.erase(found);
  // Abort first, then join: from here on nothing reads or writes the arrays, and nobody calls the function.
  handle->communicator.reset();
  for (auto& [sequence, references] : handle->held)
    for (napi_ref reference : references) napi_delete_reference(env, reference);
  napi_release_threadsafe_function(handle->done, napi_tsfn_abort);
}

}  // namespace scmoe::comm
