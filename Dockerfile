# The image carries Node 24, one bundle and one native module. It is built on Debian like the bricks it stands beside.
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim

FROM ${NODE_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make python3 && rm -rf /var/lib/apt/lists/*
# fs-xattr is compiled with the headers of this Node, which the image has, not with downloaded ones.
ENV npm_config_nodedir=/usr/local
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.ts scripts/code-cache.ts scripts/defines.ts scripts/leave-out.ts scripts/load-late.ts scripts/
COPY src src
RUN node scripts/build.ts
# What is not in the bundle: fs-xattr and nothing else.
RUN mkdir -p /out/node_modules/fs-xattr/build/Release \
 && cp -r dist package.json /out/ \
 && cd node_modules/fs-xattr && cp package.json index.js /out/node_modules/fs-xattr/ \
 && cp build/Release/xattr.node /out/node_modules/fs-xattr/build/Release/

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="gluster-brick-agent" \
      org.opencontainers.image.description="Sidecar for a GlusterFS brick: quotas, self-heal, volfiles, metrics" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out /opt/brick-agent
RUN ln -s /opt/brick-agent/dist/main.js /usr/local/bin/brick-agent && chmod 0755 /opt/brick-agent/dist/main.js
# root, because trusted.* xattrs need CAP_SYS_ADMIN; the pod drops every other capability but those it names.
USER 0:0
EXPOSE 9745 9746
ENTRYPOINT ["brick-agent"]
CMD ["run"]
