# Snug and PostgreSQL on a slim Debian. `make image` builds it; `make image-test` holds it to what it promises.

# The binary is cross-compiled: this stage runs on the machine that builds, whatever the image is for.
FROM --platform=${BUILDPLATFORM:-linux} golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG REVISION=
ARG TARGETARCH=
ENV CGO_ENABLED=0
RUN GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /out/snug ./cmd/snug \
 && go build -o /out/sbom ./cmd/sbom

# PostgreSQL without what never runs here: its just-in-time compiler, which alone is larger than all the rest, Debian's
# scripts around clusters, translations and manuals. The packages are made anew without them, and without depending on
# them, so that dpkg, apt and scanners still know what is installed. Nothing keeps its setuid bit.
FROM debian:trixie-slim AS runtime
RUN set -eu; cd /tmp; \
    apt-get update; \
    apt-get download postgresql-17 postgresql-client-17; \
    for package in postgresql-*.deb; do \
      dpkg-deb --raw-extract "$package" tree; \
      sed -i -E '/^Depends:/ { s/(locales|debconf|postgresql-common|postgresql-client-common|sensible-utils|ssl-cert|libllvm[0-9]+)( \([^)]*\))?( \|[^,]*)?(, |$)//g; s/, $// }' tree/DEBIAN/control; \
      find tree/DEBIAN -type f ! -name control ! -name md5sums -delete; \
      rm -r tree/usr/share/doc tree/usr/share/locale; \
      rm -rf tree/usr/share/man tree/usr/share/lintian tree/usr/share/postgresql/17/man \
        tree/usr/lib/postgresql/17/lib/bitcode tree/usr/lib/postgresql/17/lib/llvmjit*; \
      (cd tree && awk '{ if (system("test -e \"" $2 "\"") == 0) print }' DEBIAN/md5sums >DEBIAN/kept && mv DEBIAN/kept DEBIAN/md5sums); \
      dpkg-deb --build tree "slim-$package"; \
      rm -r tree; \
    done; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ./slim-*.deb libnss-wrapper; \
    apt-get clean; \
    rm -rf /tmp/* /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig /var/cache/debconf/*-old; \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +; \
    useradd --uid 10001 --user-group --no-create-home --no-log-init --home-dir /data --shell /usr/sbin/nologin snug; \
    install -d -o snug -g snug -m 1777 /data; \
    install -d -o snug -g snug -m 0700 /run/snug

FROM build AS bill
ARG VERSION=dev
COPY --from=runtime /var/lib/dpkg/status /etc/os-release /out/
RUN /out/sbom --binary /out/snug --version "${VERSION}" --dpkg /out/status --os-release /out/os-release >/out/sbom.cdx.json

FROM runtime
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="Snug" \
      org.opencontainers.image.description="Team chat in one container" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="debian:trixie-slim"
COPY --from=bill /out/sbom.cdx.json /usr/share/doc/snug/sbom.cdx.json
COPY --from=build /out/snug /usr/local/bin/snug
ENV SNUG_DATA=/data
# The number, not the name: Kubernetes wants to see that it is not root's. /data may be written by any, for `--user`.
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Each check waits for news, for up to 30 s: Docker hears of a change at once, and yet asks only twice a minute at rest.
HEALTHCHECK --interval=500ms --timeout=40s --start-period=60s --retries=3 CMD ["snug", "healthcheck", "--hold", "30s"]
ENTRYPOINT ["snug"]
