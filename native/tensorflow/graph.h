#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tensorflow/api.h"
#include "tensorflow/describe.h"
#include "tensorflow/operation_call.h"

namespace scmoe::tensorflow {

/// A graph under construction; its operations and their outputs are known by number.
class Graph {
 public:
  explicit Graph(const Api& api) : api_(api), graph_(api.NewGraph()) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() { api_.DeleteGraph(graph_); }

  /// Adds an operation that runs after those of `after`: writes its number and describes its outputs, gives how many.
  int add(const OperationCall& call, const std::string& name, const int32_t* after, int64_t numAfter, Results& results);
  void setShape(int64_t output, const std::vector<int64_t>& dims, Results& results);
  /// Makes a function of all operations and hands it to a context. `effects`: operations that run though no output
  /// needs them.
  void toFunction(TFE_Context* context, const std::string& name, const std::vector<int32_t>& inputs,
                  const std::vector<int32_t>& outputs, const std::vector<int32_t>& effects) const;

 private:
  TF_Output output(int64_t id) const;
  TF_Operation* operation(int64_t id) const;
  Description describe(TF_Output output) const;
  std::string textOfCall(const OperationCall& call) const;

  const Api& api_;
  TF_Graph* graph_;
  std::vector<TF_Operation*> operations_;
  std::vector<TF_Output> outputs_;
};

}  // namespace scmoe::tensorflow
