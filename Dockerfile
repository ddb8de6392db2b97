# Homeostat's image. It has no embedded engine (540 MB): store.url must name a ClickHouse server. To have the engine too,
# build with --build-arg NPM_OMIT=--omit=dev.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: docs/decisions says why.
RUN npm install --no-save --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs

FROM node:20.20.2-bookworm-slim AS packages
ARG NPM_OMIT="--omit=dev --omit=optional"
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm install --no-save --ignore-scripts --no-audit --no-fund $NPM_OMIT

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY bin ./bin
COPY rules ./rules
COPY models ./models
RUN mkdir -p /var/lib/homeostat && chown node:node /var/lib/homeostat
USER node
VOLUME /var/lib/homeostat
EXPOSE 4317 4318 7070
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=8s --start-period=30s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7070/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/homeostat.js"]
CMD ["serve"]
