#pragma once
#include <node_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tensorflow/graph.h"
#include "tensorflow/session.h"

namespace scmoe::tensorflow {

/// What the addon knows of one environment (the main thread or a worker): nothing is shared between two of them.
class Instance {
 public:
  /// This environment's instance, made at the first call.
  static Instance& of(napi_env env);

  void open(const Api& api) { api_ = &api; }
  /// @throws ArgumentError before `open`
  const Api& api() const;
  void start(std::unique_ptr<Session> session) { session_ = std::move(session); }
  bool isStarted() const { return session_ != nullptr; }
  /// @throws ArgumentError before `start`
  Session& session() const;

  int32_t addGraph();
  /// @throws ArgumentError for a number that is none
  Graph& graph(int64_t id) const;
  void removeGraph(int64_t id) { graphs_.erase(id); }

  /// A reference to an array that TensorFlow reads; the argument of `release`.
  void* borrow(napi_env env, napi_value array);
  /// Says that the array may be collected: on any thread.
  static void release(void* data, size_t bytes, void* borrowed);
  /// Deletes the references that were released since.
  void collect(napi_env env);

 private:
  struct Released {
    std::mutex mutex;
    std::vector<napi_ref> references;
  };
  struct Loan {
    napi_ref reference;
    std::shared_ptr<Released> released;
  };

  const Api* api_ = nullptr;
  std::unique_ptr<Session> session_;
  std::map<int64_t, std::unique_ptr<Graph>> graphs_;
  int32_t nextGraph_ = 0;
  // Shared with the loans, which may outlive the environment.
  std::shared_ptr<Released> released_ = std::make_shared<Released>();
};

}  // namespace scmoe::tensorflow
