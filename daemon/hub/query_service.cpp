#include "hub/query_service.h"

#include <grpcpp/grpcpp.h>

#include "hub/grpc_status.h"
#include "hub/hub_reader.h"
#include "sluice/v1/hub.grpc.pb.h"

namespace sluice::hub {
namespace {

class QueryService final : public v1::HubQuery::Service {
 public:
  QueryService(const HubStore& store, const StreamRegistry& streams, FindAggregateType find)
      : store_(store), streams_(streams), reader_(store.path(), std::move(find)) {}

  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*,
                         v1::ListNodesResponse* response) override {
    if (Status s = reader_.list_nodes(*response); !s.ok()) return to_grpc(s);
    for (v1::NodeRow& row : *response->mutable_nodes()) {
      const NodeKey key{row.node(), row.epoch()};
      const RowCounters counters = store_.counters(key);
      row.set_connected(streams_.is_connected(key));
      row.set_rows_received(counters.rows_received);
      row.set_rows_repeated(counters.rows_repeated);
      row.set_bytes_received(counters.bytes_received);
    }
    return grpc::Status::OK;
  }

  grpc::Status ListSummaries(grpc::ServerContext* context, const v1::ListSummariesRequest* request,
                             v1::ListSummariesResponse* response) override {
    return to_grpc(reader_.list_summaries(
        *request, [context] { return context->IsCancelled(); }, *response));
  }

  grpc::Status ListGaps(grpc::ServerContext* context, const v1::ListGapsRequest* request,
                        v1::ListGapsResponse* response) override {
    return to_grpc(reader_.list_gaps(
        *request, [context] { return context->IsCancelled(); }, *response));
  }

  grpc::Status MergeSummaries(grpc::ServerContext* context,
                              const v1::MergeSummariesRequest* request,
                              v1::MergeSummariesResponse* response) override {
    return to_grpc(reader_.merge_summaries(
        *request, [context] { return context->IsCancelled(); }, *response));
  }

  grpc::Status ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    return to_grpc(reader_.list_events(
        *request, [context] { return context->IsCancelled(); }, *response));
  }

  grpc::Status ListUnread(grpc::ServerContext* context, const v1::ListUnreadRequest* request,
                          v1::ListUnreadResponse* response) override {
    return to_grpc(reader_.list_unread(
        *request, [context] { return context->IsCancelled(); }, *response));
  }

 private:
  const HubStore& store_;
  const StreamRegistry& streams_;
  const HubReader reader_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_query_service(const HubStore& store,
                                                  const StreamRegistry& streams,
                                                  FindAggregateType find) {
  return std::make_unique<QueryService>(store, streams, std::move(find));
}

}  // namespace sluice::hub
