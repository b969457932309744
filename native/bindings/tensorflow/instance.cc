#include "bindings/tensorflow/instance.h"

#include <string>

#include "core/error.h"

namespace scmoe::tensorflow {

namespace {

void check(napi_status status, const char* what) {
  if (status != napi_ok) throw Error(std::string("Node-API: ") + what + " failed");
}

}  // namespace

Instance& Instance::of(napi_env env) {
  void* data = nullptr;
  check(napi_get_instance_data(env, &data), "reading the instance");
  if (data) return *static_cast<Instance*>(data);
  auto* instance = new Instance;
  check(napi_set_instance_data(
            env, instance, [](napi_env, void* data, void*) { delete static_cast<Instance*>(data); }, nullptr),
        "setting the instance");
  return *instance;
}

const Api& Instance::api() const {
  if (!api_) throw ArgumentError("tensorflow: tfOpen: expected a call before any other, got none");
  return *api_;
}

Session& Instance::session() const {
  if (!session_) throw ArgumentError("tensorflow: tfStart: expected a call before any operation, got none");
  return *session_;
}

int32_t Instance::addGraph() {
  graphs_[nextGraph_] = std::make_unique<Graph>(api());
  return nextGraph_++;
}

Graph& Instance::graph(int64_t id) const {
  const auto found = graphs_.find(id);
  if (found == graphs_.end())
    throw ArgumentError("graph: id: expected a graph that is there, got " + std::to_string(id));
  return *found->second;
}

void* Instance::borrow(napi_env env, napi_value array) {
  napi_ref reference;
  check(napi_create_reference(env, array, 1, &reference), "holding an array");
  return new Loan{reference, released_};
}

void Instance::release(void*, size_t, void* borrowed) {
  const std::unique_ptr<Loan> loan(static_cast<Loan*>(borrowed));
  const std::lock_guard<std::mutex> lock(loan->released->mutex);
  loan->released->references.push_back(loan->reference);
}

void Instance::collect(napi_env env) {
  std::vector<napi_ref> references;
  {
    const std::lock_guard<std::mutex> lock(released_->mutex);
    references.swap(released_->references);
  }
  for (napi_ref reference : references) napi_delete_reference(env, reference);
}

}  // namespace scmoe::tensorflow
