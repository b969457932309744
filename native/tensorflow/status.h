#pragma once
#include <string>

#include "tensorflow/api.h"

namespace scmoe::tensorflow {

/// What a function of TensorFlow's reports into; good until one fails.
class Status {
 public:
  explicit Status(const Api& api) : api_(api), status_(api.NewStatus()) {}
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  ~Status() { api_.DeleteStatus(status_); }

  operator TF_Status*() const { return status_; }
  bool isGood() const { return api_.GetCode(status_) == 0; }
  /// @throws Error: what was done, and what TensorFlow says
  void check(const std::string& what) const;

 private:
  const Api& api_;
  TF_Status* status_;
};

}  // namespace scmoe::tensorflow
