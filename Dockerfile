# Builds the static binary, and puts it beside PostgreSQL on a slim Debian.
FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /snug ./cmd/snug

FROM debian:trixie-slim
RUN mkdir -p /etc/postgresql-common \
 && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && apt-get install -y --no-install-recommends postgresql-17 libnss-wrapper \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin snug \
 && install -d -o snug -g snug -m 0750 /data \
 && install -d -o snug -g snug -m 0700 /run/snug
COPY --from=build /snug /usr/local/bin/snug
ENV SNUG_DATA=/data
USER snug
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["snug", "healthcheck"]
ENTRYPOINT ["snug"]
